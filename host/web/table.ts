// SPDX-License-Identifier: Apache-2.0
//
// A table that the reader can sort by a click on a column's title, and search. It draws ROWS_SHOWN rows, and all rows on request. On a
// narrow screen each row is a card, in which each cell has its column's title (style.css).

import { printable } from "../shared/printable.ts";
import { button, element } from "./dom.ts";

const ROWS_SHOWN = 100;

export interface Column<Row> {
  title: string;
  /** The text of the cell. */
  text(row: Row): string;
  /** The sort key; without it, the text. */
  value?(row: Row): number;
  /** Replaces the text in the cell. */
  node?(row: Row): Node;
  /** Whether the column names the row: on a card it takes a whole line. */
  names?: true;
}

interface TableOptions<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  /** Index of the column that sorts the table at first, the largest value first; undefined for the order of `rows`. */
  sortBy?: number;
  /** Rows that come before all others until the reader sorts. */
  first?(row: Row): boolean;
  /** The text that a search matches. */
  words(row: Row): string;
}

interface Only<Row> {
  name: string;
  has(row: Row): boolean;
}

export class SortedTable<Row> {
  readonly root: HTMLElement;
  readonly search: HTMLInputElement;
  readonly #options: TableOptions<Row>;
  readonly #body = element("tbody");
  readonly #said = element("p", { role: "status", class: "said" });
  readonly #more = button({ class: "more" }, "Show all rows", () => {
    this.#all = true;
    this.draw();
  });
  /** Names the rows that the table is restricted to; a click shows all rows again. */
  readonly #chip = button({ class: "chip" }, "", () => this.#narrow(undefined));
  readonly #heads: HTMLTableCellElement[];
  readonly #words: Map<Row, string>;
  #only: Only<Row> | undefined;
  #by: number | undefined;
  #down = true;
  /** Whether the reader has sorted. */
  #sorted = false;
  #all = false;

  constructor(options: TableOptions<Row>) {
    this.#options = options;
    this.#by = options.sortBy;
    this.#words = new Map(options.rows.map((row) => [row, printable(options.words(row)).toLowerCase()]));
    this.#heads = options.columns.map((column, index) => {
      const head = button({}, column.title, () => this.#sort(index));
      return element("th", { scope: "col", class: column.value ? "number" : undefined }, head);
    });
    const id = `search-${options.caption.toLowerCase().replace(/\W+/g, "-")}`;
    this.search = element("input", { type: "search", id, autocomplete: "off", spellcheck: "false" });
    this.search.addEventListener("input", () => this.draw());
    const caption = element("caption", {}, options.caption);
    const table = element("table", {}, caption, element("thead", {}, element("tr", {}, ...this.#heads)), this.#body);
    const label = element("label", { for: id }, "Search ");
    this.#chip.hidden = true;
    this.root = element(
      "div",
      { class: "sorted" },
      element("div", { class: "tools" }, label, this.search, this.#chip, this.#said),
      // The keyboard scrolls it as well.
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": options.caption }, table),
      this.#more,
    );
    this.draw();
  }

  /** Shows only these rows and clears the search, until the reader shows all rows again. */
  showOnly(name: string, has: (row: Row) => boolean): void {
    this.search.value = "";
    this.#narrow({ name, has });
    this.#chip.focus();
    this.root.scrollIntoView({ block: "start" });
  }

  #narrow(only: Only<Row> | undefined): void {
    this.#only = only;
    const name = printable(only?.name ?? "");
    this.#chip.textContent = `Only ${name} ✕`;
    this.#chip.setAttribute("aria-label", `Only ${name}: show the other rows again`);
    if (!only && document.activeElement === this.#chip) this.search.focus();
    this.#chip.hidden = !only;
    this.draw();
  }

  #sort(index: number): void {
    this.#down = this.#by === index ? !this.#down : this.#options.columns[index]!.value !== undefined;
    this.#by = index;
    this.#sorted = true;
    this.draw();
  }

  /** Redraws the table after a change of its values. */
  draw(): void {
    const { columns, rows } = this.#options;
    const found = this.#inOrder(this.#found());
    const shown = this.#all ? found : found.slice(0, ROWS_SHOWN);
    this.#body.replaceChildren(...shown.map((row) => element("tr", {}, ...columns.map((column) => cell(column, row)))));
    for (const [index, head] of this.#heads.entries()) {
      if (index === this.#by) head.setAttribute("aria-sort", this.#down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.#more.hidden = shown.length === found.length;
    this.#said.textContent = `${found.length} of ${rows.length} rows${shown.length < found.length ? `, ${shown.length} shown` : ""}`;
  }

  #found(): Row[] {
    const asked = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const only = this.#only;
    return this.#options.rows.filter(
      (row) => (!only || only.has(row)) && asked.every((word) => this.#words.get(row)!.includes(word)),
    );
  }

  #inOrder(found: Row[]): Row[] {
    if (this.#by === undefined) return found;
    const { columns, first } = this.#options;
    const { value, text } = columns[this.#by]!;
    const key = value ?? text;
    const order = (a: Row, b: Row): number => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
    const rank = (row: Row): number => (first && !this.#sorted && first(row) ? 0 : 1);
    return found.sort((a, b) => rank(a) - rank(b) || (this.#down ? order(b, a) : order(a, b)));
  }
}

function cell<Row>(column: Column<Row>, row: Row): HTMLElement {
  const kind = column.names ? "names" : column.value ? "number" : undefined;
  return element("td", { class: kind, "data-title": printable(column.title) }, column.node?.(row) ?? column.text(row));
}
