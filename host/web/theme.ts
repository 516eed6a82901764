// SPDX-License-Identifier: Apache-2.0
//
// The page's theme: the system's, until the reader chooses one. It stands in the document's `data-theme`, by which style.css goes.

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

const { dataset } = document.documentElement;
let chosen = false;

export function isDark(): boolean {
  return dataset.theme === "dark";
}

/** Begins with the system's theme. `changed` is called after each change of that. */
export function followSystem(changed: () => void): void {
  apply(SYSTEM.matches);
  SYSTEM.addEventListener("change", () => {
    if (!chosen) apply(SYSTEM.matches);
    changed();
  });
}

/** The reader's choice: the other one. */
export function turnOver(): void {
  chosen = true;
  apply(!isDark());
}

function apply(dark: boolean): void {
  dataset.theme = dark ? "dark" : "light";
}
