// SPDX-License-Identifier: Apache-2.0
//
// Builds elements from data. All text enters the page here, as text nodes: nothing in this folder uses innerHTML.

import { printable } from "../shared/printable.ts";

type Attributes = Record<string, string | number | boolean | undefined>;

/** Creates an element; attributes that are false or undefined are left out. */
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

/** An element that must exist. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** A line may break anywhere in a longer word. */
const WORD_MAX = 36;

/** A name or a place in code. A line may break after blanks, slashes and `::`, but not within a word such as `x_name.c:36`. */
export function codeName(text: string): HTMLElement {
  const words = printable(text).split(/(?<=[\s/]|::)/u);
  const parts = words.flatMap((word) => [element("wbr"), word.length > WORD_MAX ? word : element("span", { class: "word" }, word)]);
  return element("code", {}, ...parts.slice(1));
}

export function button(attributes: Attributes, text: string | Node, does: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", does);
  return made;
}
