// SPDX-License-Identifier: Apache-2.0
//
// The page's theme: the system's, until the reader chooses the other one. It stands in the document's `data-theme`, from which
// style.css takes `color-scheme`.

import { button } from "./dom.ts";

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

const { dataset } = document.documentElement;

/** A button that says which theme it brings. `changed` is called after each change, by the reader or by the system. */
export function themeButton(changed: () => void): HTMLElement {
  let chosen = false;
  const apply = (theme: string): void => {
    dataset.theme = theme;
    made.textContent = theme === "dark" ? "Light theme" : "Dark theme";
    changed();
  };
  const made = button({ class: "theme" }, "", () => {
    chosen = true;
    apply(dataset.theme === "dark" ? "light" : "dark");
  });
  const follow = (): void => {
    if (!chosen) apply(SYSTEM.matches ? "dark" : "light");
  };
  SYSTEM.addEventListener("change", follow);
  follow();
  return made;
}
