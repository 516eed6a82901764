// SPDX-License-Identifier: Apache-2.0
//
// Elements from data. Text enters a page as text nodes here, and in no other way: there is no innerHTML in this folder.

import { printable } from "../shared/printable.ts";

type Attributes = Record<string, string | number | boolean | undefined>;

/** An element; attributes that are false or undefined are left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.map((child) => (typeof child === "string" ? printable(child) : child)));
  return made;
}

/** An element of the page that has to be there. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}
