// SPDX-License-Identifier: Apache-2.0
//
// Memory over time, drawn by uPlot: growth since the first dump, stacked areas, or lines; on a linear or a logarithmic scale; with zoom.
// The graph is a canvas, so the keyboard also reaches every dump, a readout has the values in words, and a table has all numbers.
//
//   figure -> tools: kind of graph, scale, with or without core, zoom
//             graph: arrow keys go from dump to dump, + and - zoom, 0 shows all
//             readout: the values at the cursor in words
//             legend: a button for each series, with its value at the cursor

import uPlot from "uplot";
import type { RestData } from "../shared/page-data.ts";
import { CORE } from "../shared/place.ts";
import { bytes, signed, time as timeText } from "../shared/units.ts";
import { button, codeName, element } from "./dom.ts";

/** Number of series with a line each; the other series share a line. style.css has a colour for each line. */
const LINES = 11;
const HEIGHT = 320;
/** With at most this many dumps, each dump has a dot. */
const DOTS_MAX = 40;
/** For the choice of series: the weight of a change relative to the size. */
const CHANGE_WEIGHT = 4;
/** Steps of the scale of bytes: powers of two have round names. The scale of dump numbers uses them too. */
const STEPS = Array.from({ length: 51 }, (_, power) => 2 ** power);
/** The logarithmic scale is linear below this value, so that it can show zero and negative values. */
const LOG_FROM = 1024;
/** Marks of the logarithmic scale on each side of zero. */
const LOG_MARKS_MAX = 6;
/** Labels of the scale of time by seconds between marks: of each mark, and the second line of the first mark and of a new day. */
const TIMES: uPlot.Axis.Values = [
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

const MODES = { growth: "Growth since the first dump", stacked: "In use, stacked", lines: "In use, lines" } as const;
type Mode = keyof typeof MODES;

interface ChartSeries {
  name: string;
  values: number[];
}

export interface Span {
  min: number;
  max: number;
}

interface ChartOptions {
  title: string;
  x: { time: boolean; values: number[] };
  /** `owner` identifies the series of core. */
  series: (ChartSeries & { owner: string })[];
  /** The sum of the sites without a series. */
  rest?: { plugins: RestData; core: RestData };
  /** Called after the shown part of the time changes. */
  zoomed(span: Span): void;
}

export class Chart {
  readonly root: HTMLElement;
  readonly #options: ChartOptions;
  readonly #x: number[];
  readonly #time: boolean;
  readonly #hidden = new Set<string>();
  readonly #graph: HTMLElement;
  readonly #list: HTMLElement;
  readonly #numbers: HTMLDetailsElement;
  readonly #readout = element("p", { class: "readout", role: "status" });
  readonly #log: HTMLInputElement;
  readonly #core: HTMLInputElement;
  #series: ChartSeries[] = [];
  #legend: { value: HTMLElement; swatch: HTMLElement }[] = [];
  #plot: uPlot | undefined;
  #mode: Mode = "growth";
  /** Index of the dump at the cursor; -1 for none. */
  #at = -1;
  #announce = false;
  #window: Span;

  constructor(options: ChartOptions) {
    const { title, x, series } = options;
    this.#options = options;
    this.#x = x.values;
    this.#time = x.time;
    this.#window = { min: x.values[0]!, max: x.values.at(-1)! };
    const id = title.toLowerCase().replace(/\W+/g, "-");
    const help = "Left and Right go from dump to dump, plus and minus zoom, 0 shows all. The numbers are in the table below.";
    this.#graph = element("div", { class: "graph", tabindex: 0, role: "group", "aria-label": `${title}. ${help}` });
    this.#graph.addEventListener("keydown", (event) => this.#key(event));
    this.#log = element("input", { type: "checkbox", id: `${id}-log` });
    this.#log.addEventListener("change", () => this.draw());
    // Core holds most of a server's memory and would hide the plugins, so it is left out if there are plugins.
    this.#core = element("input", { type: "checkbox", id: `${id}-core` });
    this.#core.checked = !series.some(({ owner, values }) => owner !== CORE && peak(values) > 0);
    this.#core.addEventListener("change", () => {
      this.#choose();
      this.draw();
    });
    this.#list = element("ul", { class: "legend", "aria-label": `Series of ${title}` });
    this.#numbers = element("details", {}, element("summary", {}, "The numbers of this graph"));
    this.#numbers.addEventListener("toggle", () => this.#fillNumbers());
    this.root = element(
      "section",
      { class: "chart", "aria-labelledby": id },
      element("h2", { id }, title),
      this.#tools(id),
      this.#graph,
      this.#readout,
      this.#list,
      this.#numbers,
    );
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#graph);
    this.#choose();
  }

  /** Shows this part of the time. */
  show(span: Span): void {
    if (span.min !== this.#window.min || span.max !== this.#window.max) this.#plot?.setScale("x", span);
  }

  /** Redraws the graph after a change of the theme, the series or the kind. */
  draw(): void {
    if (!this.root.isConnected) return;
    // Heights of stacked logarithms would not be sums.
    this.#log.disabled = this.#mode === "stacked";
    if (this.#log.disabled) this.#log.checked = false;
    this.#plot?.destroy();
    const shown = this.#series.map((_, index) => index).filter((index) => !this.#hidden.has(this.#series[index]!.name));
    this.#plot = new uPlot(this.#plotOptions(shown), this.#data(shown), this.#graph);
    this.#fillNumbers();
  }

  #plotOptions(shown: number[]): uPlot.Options {
    const { color: ink, borderTopColor: grid } = getComputedStyle(this.#graph);
    const log = this.#log.checked;
    const growth = this.#mode === "growth";
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const text = (value: number | null): string => (value === null ? "" : growth ? signed(value, bytes) : bytes(value));
    return {
      ...this.#size(),
      legend: { show: false },
      padding: [null, 28, null, null],
      cursor: { drag: { x: true, y: false }, points: { show: this.#mode !== "stacked" }, y: false },
      scales: {
        x: { time: this.#time, ...this.#window },
        y: {
          distr: log ? 4 : 1,
          asinh: LOG_FROM,
          range: (_plot, min, max) => [Math.min(0, min) * 1.05, Math.max(0, max) * 1.05 || 1],
        },
      },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [
        { ...axis, space: 80, ...(this.#time ? { values: TIMES } : { incrs: STEPS }) },
        {
          ...axis,
          size: 92,
          ...(log ? { splits: (_plot, _axis, min, max) => logMarks(min, max), filter: (_plot, marks) => marks } : { incrs: STEPS }),
          values: (_plot, values) => values.map(text),
        },
      ],
      series: [{}, ...this.#lines(shown)],
      hooks: {
        setCursor: [(plot) => this.#hover(plot.cursor.idx ?? -1)],
        setScale: [(plot, key) => key === "x" && this.#zoomed(plot)],
      },
    };
  }

  #lines(shown: number[]): uPlot.Series[] {
    const dots = this.#x.length < DOTS_MAX;
    const line = (index: number): uPlot.Series => {
      const colour = getComputedStyle(this.#legend[index]!.swatch).backgroundColor;
      return this.#mode === "stacked"
        ? { stroke: colour, fill: colour, width: 1, points: { show: false } }
        : {
            stroke: colour,
            width: 2,
            points: { show: dots, fill: colour },
            dash: index % 3 === 1 ? [8, 4] : index % 3 === 2 ? [2, 3] : [],
          };
    };
    // The topmost of a stack is drawn first, and the next ones over it.
    return (this.#mode === "stacked" ? [...shown].reverse() : shown).map(line);
  }

  #data(shown: number[]): uPlot.AlignedData {
    const rows = shown.map((index) => this.#series[index]!.values.map((_, at) => this.#value(index, at)));
    if (this.#mode === "stacked") {
      for (const [above, row] of rows.entries()) {
        for (const at of row.keys()) row[at] = Math.max(0, row[at]!) + (rows[above - 1]?.[at] ?? 0);
      }
      rows.reverse();
    }
    return [this.#x, ...rows];
  }

  /** What the graph shows of a series at a dump. */
  #value(index: number, at: number): number {
    const { values } = this.#series[index]!;
    return values[at]! - (this.#mode === "growth" ? values[0]! : 0);
  }

  #text(value: number): string {
    return this.#mode === "growth" ? signed(value, bytes) : bytes(value);
  }

  #tools(id: string): HTMLElement {
    const kinds = (Object.keys(MODES) as Mode[]).map((mode) => {
      const input = element("input", { type: "radio", name: `${id}-kind`, id: `${id}-${mode}`, checked: mode === this.#mode });
      input.addEventListener("change", () => {
        this.#mode = mode;
        this.#choose();
        this.draw();
      });
      return element("label", {}, input, ` ${MODES[mode]}`);
    });
    const zoom = (text: string, label: string, factor: number): HTMLElement =>
      button({ "aria-label": label, title: label }, text, () => this.#zoom(factor));
    return element(
      "div",
      { class: "tools" },
      element("fieldset", {}, element("legend", { class: "unseen" }, "Drawn as"), ...kinds),
      element("label", {}, this.#log, " Logarithmic"),
      // Where core is all there is, there is nothing to choose.
      ...(this.#core.checked ? [] : [element("label", {}, this.#core, " With core")]),
      element(
        "span",
        { class: "zoom", role: "group", "aria-label": "Zoom" },
        zoom("+", "Zoom in", 0.5),
        zoom("−", "Zoom out", 2),
        zoom("All", "Show all dumps", Infinity),
      ),
    );
  }

  /** Which series there are, and the legend of them. */
  #choose(): void {
    const { series, rest, title } = this.#options;
    const core = this.#core.checked;
    const left = rest ? [rest.plugins, ...(core ? [rest.core] : [])] : [];
    this.#series = withOthers(
      series.filter(({ owner }) => core || owner !== CORE),
      left.filter(({ count }) => count > 0),
      this.#mode === "growth" ? growthOf : sizeOf,
    );
    this.#legend = [];
    const items = this.#series.map(({ name }, index) => {
      const value = element("span", { class: "value" });
      const swatch = element("span", { class: `swatch c${index}` });
      this.#legend.push({ value, swatch });
      const made = button({ "aria-pressed": !this.#hidden.has(name) ? "true" : "false" }, swatch, () => {
        if (!this.#hidden.delete(name)) this.#hidden.add(name);
        made.setAttribute("aria-pressed", String(!this.#hidden.has(name)));
        this.draw();
      });
      made.append(element("span", { class: "name" }, element("bdi", { dir: "ltr" }, codeName(name))), value);
      return element("li", {}, made);
    });
    this.#list.replaceChildren(...items);
    this.#list.setAttribute("aria-label", `Series of ${title}${core ? "" : ", without core"}`);
  }

  /** The same numbers as a table, while it is open. */
  #fillNumbers(): void {
    this.#numbers.querySelector(".scroll")?.remove();
    if (!this.#numbers.open) return;
    const title = `${this.#options.title}: ${MODES[this.#mode]}`;
    const head = [this.#time ? "Time" : "Dump", ...this.#series.map(({ name }) => name)];
    const body = this.#x.map((x, at) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, this.#name(x)),
        ...this.#series.map((_, index) => element("td", { class: "number" }, this.#text(this.#value(index, at)))),
      ),
    );
    const table = element(
      "table",
      {},
      element("caption", {}, title),
      element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...body),
    );
    this.#numbers.append(element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table));
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(200, this.#graph.clientWidth), height: HEIGHT };
  }

  #hover(index: number): void {
    const at = index < 0 ? this.#x.length - 1 : index;
    for (const [which, { value }] of this.#legend.entries()) value.textContent = this.#text(this.#value(which, at));
    // The pointer moves too often to be read out: only the keyboard's steps are.
    if (index >= 0) this.#at = index;
    const total = this.#series.reduce((sum, _, which) => sum + this.#value(which, at), 0);
    const said = `${this.#name(this.#x[at]!)}: ${this.#text(total)} ${this.#core.checked ? "in all" : "without core"}`;
    this.#readout.setAttribute("aria-live", this.#announce ? "polite" : "off");
    const parts = [...this.#series.entries()].filter(([, { name }]) => !this.#hidden.has(name)).slice(0, 3);
    this.#readout.textContent = this.#announce
      ? [said, ...parts.map(([which, { name }]) => `${name} ${this.#text(this.#value(which, at))}`)].join(", ")
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
    const [first, last] = [this.#x[0]!, this.#x.at(-1)!];
    const { min, max } = this.#window;
    const middle = this.#at >= 0 ? this.#x[this.#at]! : (min + max) / 2;
    const half = ((max - min) / 2) * factor;
    const from = Math.max(first, middle - half);
    const to = Math.min(last, middle + half);
    this.show(factor === Infinity || to <= from ? { min: first, max: last } : { min: from, max: to });
  }

  #zoomed(plot: uPlot): void {
    const { min, max } = plot.scales.x!;
    if (min === undefined || max === undefined || min === null || max === null) return;
    const changed = min !== this.#window.min || max !== this.#window.max;
    this.#window = { min, max };
    this.root.dataset.zoomed = String(min > this.#x[0]! || max < this.#x.at(-1)!);
    if (changed) this.#options.zoomed(this.#window);
  }

  #name(x: number): string {
    return this.#time ? timeText(x) : `dump ${x}`;
  }
}

function peak(values: number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

/** How far a series was from its first value, at most. */
function growthOf(values: number[]): number {
  return peak(values.map((value) => Math.abs(value - values[0]!)));
}

function sizeOf(values: number[]): number {
  return peak(values) + CHANGE_WEIGHT * Math.abs(values.at(-1)! - values[0]!);
}

/** The series of the highest scores as they are, those without a score not at all, and the others as one. */
function withOthers(all: ChartSeries[], left: RestData[], scoreOf: (values: number[]) => number): ChartSeries[] {
  const sorted = all
    .map((series) => ({ series, score: scoreOf(series.values) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ series }) => series);
  const shown = sorted.length <= LINES && !left.length ? sorted : sorted.slice(0, LINES);
  const others = [...sorted.slice(shown.length), ...left];
  if (!others.length) return shown;
  const sum = others[0]!.values.map((_, at) => others.reduce((total, { values }) => total + values[at]!, 0));
  if (scoreOf(sum) === 0) return shown;
  const count = left.reduce((total, rest) => total + rest.count, sorted.length - shown.length);
  return [...shown, { name: `${count} others`, values: sum }];
}

/** Round numbers on a logarithmic scale: powers of two, evenly spread, and zero. */
function logMarks(min: number, max: number): number[] {
  const side = (most: number): number[] => {
    const powers = Math.floor(Math.log2(Math.max(1, most / LOG_FROM))) + 1;
    const step = Math.max(2, Math.ceil(powers / LOG_MARKS_MAX));
    return Array.from({ length: Math.ceil(powers / step) }, (_, index) => LOG_FROM * 2 ** (index * step));
  };
  const below = min < -LOG_FROM ? side(-min).map((mark) => -mark) : [];
  return [...below.reverse(), 0, ...(max > LOG_FROM ? side(max) : [])];
}
