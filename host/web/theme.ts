// SPDX-License-Identifier: Apache-2.0
//
// The theme of the page: the system's theme until the reader chooses the other one. The attribute `data-theme` of the document holds
// it; style.css derives `color-scheme` from it.

import { button } from "./dom.ts";

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

const { dataset } = document.documentElement;

/** A button labelled with the theme that it selects. Calls `changed` after each change by the reader or by the system. */
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
