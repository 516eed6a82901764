// SPDX-License-Identifier: Apache-2.0
//
// Memory over time, drawn by uPlot: stacked or as lines, on a linear or a logarithmic scale, with zoom. The graph itself is a
// picture; what it shows can be reached by the keyboard, is read out, and stands in a table below it.
//
//   figure -> tools: stacked or lines, scale, zoom
//             graph: arrow keys go from dump to dump, + and - zoom, 0 shows all
//             legend: a button a series, with its value at the cursor
//             readout: the same in words

import uPlot from "uplot";
import { printable } from "../shared/printable.ts";
import { bytes, time as timeText } from "../shared/units.ts";
import { element } from "./dom.ts";
import { isDark } from "./theme.ts";

/** Series that have a line of their own; the others are one. */
const LINES = 11;
const HEIGHT = 320;
/** Which series are shown: one that changed is worth more than one that is large and stands still. */
const CHANGE_WEIGHT = 4;
/** Steps of the scale of bytes: powers of two, so that they have round names. */
const STEPS = Array.from({ length: 51 }, (_, power) => 2 ** power);
/** Of the scale of time, by seconds between marks: what each says, and what the first one and one of a new day say below. */
const TIMES: uPlot.Axis.Values = [
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

// Distinct in both themes and for the colour-blind, by lightness as well as by hue; the last is for the others.
const LIGHT = [
  "#0b62a4",
  "#c2410c",
  "#15803d",
  "#7c3aed",
  "#b4227a",
  "#0e7490",
  "#8a6d00",
  "#4d5566",
  "#9f1239",
  "#3f6212",
  "#1e3a8a",
  "#6b7280",
];
const DARK = [
  "#5aa9e6",
  "#fb923c",
  "#4ade80",
  "#b794f6",
  "#f472b6",
  "#22d3ee",
  "#facc15",
  "#cbd5e1",
  "#fb7185",
  "#a3e635",
  "#93a5fd",
  "#9ca3af",
];

interface ChartSeries {
  name: string;
  values: number[];
}

interface ChartOptions {
  title: string;
  x: { time: boolean; values: number[] };
  series: ChartSeries[];
  /** What has no series: a part of the others. */
  rest?: { count: number; values: number[] };
}

export class Chart {
  readonly root: HTMLElement;
  readonly #x: number[];
  readonly #time: boolean;
  readonly #series: ChartSeries[];
  readonly #hidden = new Set<number>();
  readonly #graph: HTMLElement;
  readonly #legend: { value: HTMLElement; swatch: HTMLElement }[] = [];
  readonly #readout = element("p", { class: "readout", role: "status" });
  readonly #log: HTMLInputElement;
  #plot: uPlot | undefined;
  #stacked = true;
  /** Where the cursor is; -1 for nowhere. */
  #at = -1;
  #announce = false;
  #window: { min: number; max: number } | undefined;

  constructor({ title, x, series, rest }: ChartOptions) {
    this.#x = x.values;
    this.#time = x.time;
    this.#series = withOthers(series, rest);
    const id = title.toLowerCase().replace(/\W+/g, "-");
    const help = "Left and Right go from dump to dump, plus and minus zoom, 0 shows all. The numbers are in the table below.";
    this.#graph = element("div", { class: "graph", tabindex: 0, role: "group", "aria-label": `${title}. ${help}` });
    this.#graph.addEventListener("keydown", (event) => this.#key(event));
    this.#log = element("input", { type: "checkbox", id: `${id}-log` });
    this.#log.addEventListener("change", () => this.draw());
    const heading = element("h2", { id }, title);
    this.root = element(
      "section",
      { class: "chart", "aria-labelledby": id },
      heading,
      this.#tools(id),
      this.#graph,
      this.#readout,
      this.#legendList(title),
      this.#numbers(title),
    );
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#graph);
    this.#scale();
  }

  /** Draws anew: after a change of the theme, of the series, of the kind. */
  draw(): void {
    if (!this.root.isConnected) return;
    this.#scale();
    this.#plot?.destroy();
    const colours = palette();
    for (const [index, { swatch }] of this.#legend.entries()) swatch.style.background = colours[index % colours.length]!;
    const shown = this.#series.map((_, index) => index).filter((index) => !this.#hidden.has(index));
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const grid = style.getPropertyValue("--grid").trim();
    const log = this.#log.checked;
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const options: uPlot.Options = {
      ...this.#size(),
      legend: { show: false },
      padding: [null, 28, null, null],
      cursor: { drag: { x: true, y: false }, points: { show: !this.#stacked }, y: false },
      scales: {
        x: { time: this.#time, ...(this.#window ?? {}) },
        y: { distr: log ? 3 : 1, range: log ? undefined : (_plot, _min, max) => [0, (max || 1) * 1.05] } as uPlot.Scale,
      },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [
        { ...axis, ...(this.#time && { values: TIMES }) },
        {
          ...axis,
          size: 86,
          ...(!log && { incrs: STEPS }),
          values: (_plot, values) => values.map((value) => (value === null ? "" : bytes(value))),
        },
      ],
      series: [{}, ...this.#lines(shown, colours)],
      hooks: {
        setCursor: [(plot) => this.#hover(plot.cursor.idx ?? -1)],
        setScale: [(plot, key) => key === "x" && this.#zoomed(plot)],
      },
    };
    this.#plot = new uPlot(options, this.#data(shown, log), this.#graph);
  }

  #lines(shown: number[], colours: string[]): uPlot.Series[] {
    const dots = { show: this.#x.length < 40 };
    const line = (index: number): uPlot.Series => {
      const colour = colours[index % colours.length]!;
      return this.#stacked
        ? { stroke: colour, fill: colour, width: 1, points: { show: false } }
        : { stroke: colour, width: 2, points: dots, dash: index % 3 === 1 ? [8, 4] : index % 3 === 2 ? [2, 3] : [] };
    };
    // The topmost of a stack is drawn first, and the next ones over it.
    return (this.#stacked ? [...shown].reverse() : shown).map(line);
  }

  #data(shown: number[], log: boolean): uPlot.AlignedData {
    const rows: (number | null)[][] = [];
    let below: number[] = this.#x.map(() => 0);
    for (const index of shown) {
      const { values } = this.#series[index]!;
      if (this.#stacked) rows.push((below = below.map((sum, at) => sum + Math.max(0, values[at]!))));
      else rows.push(log ? values.map((value) => (value > 0 ? value : null)) : values);
    }
    if (this.#stacked) rows.reverse();
    return [this.#x, ...rows] as uPlot.AlignedData;
  }

  #tools(id: string): HTMLElement {
    const kind = (name: string, stacked: boolean): HTMLElement => {
      const input = element("input", {
        type: "radio",
        name: `${id}-kind`,
        id: `${id}-${name}`,
        checked: stacked === this.#stacked,
      });
      input.addEventListener("change", () => {
        this.#stacked = stacked;
        this.draw();
      });
      return element("label", {}, input, ` ${name}`);
    };
    const button = (text: string, label: string, does: () => void): HTMLElement => {
      const made = element("button", { type: "button", "aria-label": label, title: label }, text);
      made.addEventListener("click", does);
      return made;
    };
    return element(
      "div",
      { class: "tools" },
      element("fieldset", {}, element("legend", {}, "Drawn as"), kind("Stacked", true), kind("Lines", false)),
      element("label", {}, this.#log, " Logarithmic"),
      element(
        "span",
        { class: "zoom", role: "group", "aria-label": "Zoom" },
        button("+", "Zoom in", () => this.#zoom(0.5)),
        button("−", "Zoom out", () => this.#zoom(2)),
        button("All", "Show all", () => this.#zoom(Infinity)),
      ),
      element("span", { class: "hint" }, "drag to zoom, double click to show all"),
    );
  }

  #legendList(title: string): HTMLElement {
    const items = this.#series.map(({ name }, index) => {
      const value = element("span", { class: "value" });
      const swatch = element("span", { class: "swatch" });
      this.#legend.push({ value, swatch });
      const button = element(
        "button",
        { type: "button", "aria-pressed": "true" },
        swatch,
        element("span", { class: "name", title: printable(name) }, element("bdi", { dir: "ltr" }, name)),
        value,
      );
      button.addEventListener("click", () => {
        if (!this.#hidden.delete(index)) this.#hidden.add(index);
        button.setAttribute("aria-pressed", String(!this.#hidden.has(index)));
        this.draw();
      });
      return element("li", {}, button);
    });
    return element("ul", { class: "legend", "aria-label": `Series of ${title}` }, ...items);
  }

  /** The same numbers as a table, made when it is opened. */
  #numbers(title: string): HTMLElement {
    const details = element("details", {}, element("summary", {}, "The numbers of this graph"));
    details.addEventListener(
      "toggle",
      () => {
        const head = [this.#time ? "Time" : "Dump", ...this.#series.map(({ name }) => name)];
        const body = this.#x.map((x, at) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, this.#name(x)),
            ...this.#series.map(({ values }) => element("td", { class: "number" }, bytes(values[at]!))),
          ),
        );
        const table = element(
          "table",
          {},
          element("caption", {}, `${title}, in numbers`),
          element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
          element("tbody", {}, ...body),
        );
        details.append(
          element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${title}, in numbers` }, table),
        );
      },
      { once: true },
    );
    return details;
  }

  /** A sum of logarithms is not what a stack shows: logarithmic goes with lines alone. */
  #scale(): void {
    this.#log.disabled = this.#stacked;
    if (this.#stacked) this.#log.checked = false;
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(200, this.#graph.clientWidth), height: HEIGHT };
  }

  #hover(index: number): void {
    const at = index < 0 ? this.#x.length - 1 : index;
    for (const [which, { value }] of this.#legend.entries()) value.textContent = bytes(this.#series[which]!.values[at]!);
    // The pointer moves too often to be read out: only the keyboard's steps are.
    if (index >= 0) this.#at = index;
    const total = this.#series.reduce((sum, { values }) => sum + values[at]!, 0);
    const said = `${this.#name(this.#x[at]!)}: ${bytes(total)} in all`;
    this.#readout.setAttribute("aria-live", this.#announce ? "polite" : "off");
    const parts = this.#series.filter((_, which) => !this.#hidden.has(which)).slice(0, 3);
    this.#readout.textContent = this.#announce
      ? [said, ...parts.map(({ name, values }) => `${name} ${bytes(values[at]!)}`)].join(", ")
      : said;
  }

  #key(event: KeyboardEvent): void {
    const last = this.#x.length - 1;
    const steps: Record<string, number> = {
      ArrowLeft: this.#at < 0 ? last : Math.max(0, this.#at - 1),
      ArrowRight: Math.min(last, this.#at + 1),
      Home: 0,
      End: last,
    };
    const step = steps[event.key];
    if (step !== undefined) this.#go(step);
    else if (event.key === "+" || event.key === "=") this.#zoom(0.5);
    else if (event.key === "-") this.#zoom(2);
    else if (event.key === "0") this.#zoom(Infinity);
    else return;
    event.preventDefault();
  }

  #go(index: number): void {
    const plot = this.#plot;
    if (!plot) return;
    const x = this.#x[index]!;
    const { min, max } = plot.scales.x!;
    if (x < min! || x > max!) {
      const half = (max! - min!) / 2;
      plot.setScale("x", { min: x - half, max: x + half });
    }
    this.#announce = true;
    plot.setCursor({ left: plot.valToPos(x, "x"), top: HEIGHT / 4 });
    this.#hover(index);
    this.#announce = false;
  }

  #zoom(factor: number): void {
    const plot = this.#plot;
    if (!plot) return;
    const [first, last] = [this.#x[0]!, this.#x.at(-1)!];
    const { min, max } = plot.scales.x!;
    const middle = this.#at >= 0 ? this.#x[this.#at]! : (min! + max!) / 2;
    const half = ((max! - min!) / 2) * factor;
    const from = Math.max(first, middle - half);
    const to = Math.min(last, middle + half);
    plot.setScale("x", factor === Infinity || to <= from ? { min: first, max: last } : { min: from, max: to });
  }

  #zoomed(plot: uPlot): void {
    const { min, max } = plot.scales.x!;
    if (min === undefined || max === undefined || min === null || max === null) return;
    this.#window = { min, max };
    const whole = min <= this.#x[0]! && max >= this.#x.at(-1)!;
    this.root.dataset.zoomed = String(!whole);
  }

  #name(x: number): string {
    return this.#time ? timeText(x) : `dump ${x}`;
  }
}

/** Those that are largest, or changed most, as they are; all others as one. */
function withOthers(all: ChartSeries[], rest: ChartOptions["rest"]): ChartSeries[] {
  const peak = ({ values }: ChartSeries): number => values.reduce((most, value) => Math.max(most, value), 0);
  const score = (series: ChartSeries): number => peak(series) + CHANGE_WEIGHT * Math.abs(series.values.at(-1)! - series.values[0]!);
  const sorted = all
    .filter((series) => peak(series) > 0)
    .map((series) => ({ series, score: score(series) }))
    .sort((a, b) => b.score - a.score)
    .map(({ series }) => series);
  const left = rest && rest.count > 0 ? rest : undefined;
  if (sorted.length <= LINES && !left) return sorted;
  const others = sorted.slice(LINES);
  const sum = (left?.values ?? others[0]!.values.map(() => 0)).map((value, at) =>
    others.reduce((total, { values }) => total + values[at]!, value),
  );
  return [...sorted.slice(0, LINES), { name: `${others.length + (left?.count ?? 0)} others`, values: sum }];
}

function palette(): string[] {
  if (matchMedia("print").matches) return LIGHT;
  return isDark() ? DARK : LIGHT;
}
