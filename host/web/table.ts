// SPDX-License-Identifier: Apache-2.0
//
// A table that sorts by a click on a column's title, and shows the rows that have what is searched for. It draws ROWS_SHOWN rows,
// and all when it is asked to.

import { printable } from "../shared/printable.ts";
import { element } from "./dom.ts";

const ROWS_SHOWN = 100;

export interface Column<Row> {
  title: string;
  /** What is shown. */
  text(row: Row): string;
  /** What is sorted by; the text where it is left out. */
  value?(row: Row): number;
  /** The cell is this, in place of the text. */
  node?(row: Row): Node;
}

interface TableOptions<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  /** The column that it is sorted by at first, the largest on top. */
  sortBy: number;
  /** Words that a search looks in. */
  words(row: Row): string;
}

export class SortedTable<Row> {
  readonly root: HTMLElement;
  readonly search: HTMLInputElement;
  readonly #options: TableOptions<Row>;
  readonly #body = element("tbody");
  readonly #said = element("p", { role: "status", class: "said" });
  readonly #more = element("button", { type: "button", class: "more" }, "Show all rows");
  readonly #heads: HTMLTableCellElement[];
  readonly #words: Map<Row, string>;
  #by: number;
  #down = true;
  #all = false;

  constructor(options: TableOptions<Row>) {
    this.#options = options;
    this.#by = options.sortBy;
    this.#words = new Map(options.rows.map((row) => [row, printable(options.words(row)).toLowerCase()]));
    this.#heads = options.columns.map((column, index) => {
      const button = element("button", { type: "button" }, column.title);
      button.addEventListener("click", () => this.#sort(index));
      return element("th", { scope: "col", class: column.value ? "number" : undefined }, button);
    });
    const id = `search-${options.caption.toLowerCase().replace(/\W+/g, "-")}`;
    this.search = element("input", { type: "search", id, autocomplete: "off", spellcheck: "false" });
    this.search.addEventListener("input", () => this.#draw());
    this.#more.addEventListener("click", () => {
      this.#all = true;
      this.#draw();
    });
    const caption = element("caption", {}, options.caption);
    const table = element("table", {}, caption, element("thead", {}, element("tr", {}, ...this.#heads)), this.#body);
    const label = element("label", { for: id }, "Search ");
    this.root = element(
      "div",
      { class: "sorted" },
      element("div", { class: "tools" }, label, this.search, this.#said),
      // It scrolls by the keyboard as well.
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": options.caption }, table),
      this.#more,
    );
    this.#draw();
  }

  /** Shows what has these words, as if someone had typed them. */
  find(words: string): void {
    this.search.value = words;
    this.#draw();
  }

  #sort(index: number): void {
    this.#down = this.#by === index ? !this.#down : this.#options.columns[index]!.value !== undefined;
    this.#by = index;
    this.#draw();
  }

  #draw(): void {
    const { columns, rows } = this.#options;
    const asked = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter((row) => asked.every((word) => this.#words.get(row)!.includes(word)));
    const { value, text } = columns[this.#by]!;
    const order = (a: Row, b: Row): number => (value ? value(a) - value(b) : text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
    found.sort((a, b) => (this.#down ? order(b, a) : order(a, b)));
    const shown = this.#all ? found : found.slice(0, ROWS_SHOWN);
    this.#body.replaceChildren(
      ...shown.map((row) =>
        element(
          "tr",
          {},
          ...columns.map((column) =>
            element("td", { class: column.value ? "number" : undefined }, column.node?.(row) ?? column.text(row)),
          ),
        ),
      ),
    );
    for (const [index, head] of this.#heads.entries()) {
      if (index === this.#by) head.setAttribute("aria-sort", this.#down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.#more.hidden = shown.length === found.length;
    this.#said.textContent = `${found.length} of ${rows.length} rows${shown.length < found.length ? `, ${shown.length} shown` : ""}`;
  }
}
