// SPDX-License-Identifier: Apache-2.0
//
// The page: reads the data that stands in it, and builds what is seen. It asks for nothing from anywhere.

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { formatOf, holdsMemory, MEMORY_CLASSES, titleOf, type ClassName } from "../shared/classes.ts";
import { bytes, count, signed } from "../shared/units.ts";
import { Chart } from "./chart.ts";
import type { OwnerData, PageData, SiteData } from "../shared/page-data.ts";
import { byId, element } from "./dom.ts";
import { SortedTable, type Column } from "./table.ts";
import { followSystem, turnOver } from "./theme.ts";

function verdict(text: string | null): Node {
  return element("span", { class: `verdict ${text ?? ""}` }, text ?? "-");
}

function suspectsPart(data: PageData, show: (words: string) => void): HTMLElement {
  const heading = element("h2", { id: "suspects" }, "Suspects");
  if (!data.suspects.length) {
    return element(
      "section",
      { "aria-labelledby": "suspects" },
      heading,
      element(
        "p",
        {},
        data.none.replace(/^./, (first) => first.toUpperCase()),
      ),
    );
  }
  const items = data.suspects.map((suspect) => {
    const button = element("button", { type: "button" }, "Show its row");
    button.addEventListener("click", () => show(suspect.location));
    const known = `${suspect.location}: `;
    const reason = suspect.evidence.startsWith(known) ? suspect.evidence.slice(known.length) : suspect.evidence;
    return element(
      "li",
      {},
      element("strong", {}, verdict("leak"), " ", element("code", {}, suspect.location)),
      element("p", {}, reason),
      button,
    );
  });
  return element("section", { "aria-labelledby": "suspects", class: "suspects" }, heading, element("ul", {}, ...items));
}

function ownersTable(data: PageData, show: (words: string) => void): SortedTable<OwnerData> {
  const classes = MEMORY_CLASSES.filter((name) => data.owners.some((row) => row.classes[name] !== 0));
  const name = (row: OwnerData): Node => {
    const button = element("button", { type: "button", class: "link", title: "Show its sites" }, row.owner);
    button.addEventListener("click", () => show(row.owner));
    return button;
  };
  const columns: Column<OwnerData>[] = [
    { title: "Owner", text: (row) => row.owner, node: name },
    ...(classes.length > 1 ? classes : []).map((cls): Column<OwnerData> => ({
      title: titleOf(cls),
      text: (row) => bytes(row.classes[cls]),
      value: (row) => row.classes[cls],
    })),
    { title: "In use", text: (row) => bytes(row.total), value: (row) => row.total },
    { title: "Change", text: (row) => signed(row.change, bytes), value: (row) => row.change },
  ];
  if (data.owners.some((row) => row.perHour !== null)) columns.push(hourly());
  if (data.owners.some((row) => row.objects))
    columns.push({ title: "Objects", text: (row) => count(row.objects), value: (row) => row.objects });
  if (data.owners.some((row) => row.verdict))
    columns.push({ title: "Verdict", text: (row) => row.verdict ?? "-", node: (row) => verdict(row.verdict) });
  const sortBy = columns.findIndex((column) => column.title === "In use");
  return new SortedTable({
    caption: "Owners",
    columns,
    rows: data.owners,
    sortBy,
    words: (row) => `${row.owner} ${row.verdict ?? ""}`,
  });
}

function sitesTable(data: PageData): SortedTable<SiteData> {
  const columns: Column<SiteData>[] = [
    { title: "Location", text: (row) => row.location, node: (row) => element("code", {}, row.location) },
    { title: "Owner", text: (row) => row.owner },
    { title: "In use", text: (row) => formatOf(row)(row.value), value: (row) => row.value },
    { title: "Change", text: (row) => signed(row.change, formatOf(row)), value: (row) => row.change },
  ];
  if (data.sites.some((row) => row.perHour !== null)) columns.push(hourly());
  columns.push(
    { title: "Peak", text: (row) => formatOf(row)(row.peak), value: (row) => row.peak },
    { title: "Alive", text: (row) => count(row.live), value: (row) => row.live },
    { title: "Allocated", text: (row) => count(row.allocs), value: (row) => row.allocs },
    { title: "Released", text: (row) => count(row.frees), value: (row) => row.frees },
    { title: "Class", text: (row) => titleOf(row.class) },
  );
  if (data.sites.some((row) => row.verdict))
    columns.push({ title: "Verdict", text: (row) => row.verdict ?? "-", node: (row) => verdict(row.verdict) });
  const words = (row: SiteData): string => `${row.location} ${row.owner} ${titleOf(row.class)} ${row.verdict ?? ""}`;
  return new SortedTable({ caption: "Sites", columns, rows: data.sites, sortBy: 2, words });
}

function hourly<Row extends { perHour: number | null; class?: ClassName }>(): Column<Row> {
  return {
    title: "Per hour",
    text: (row) => (row.perHour === null ? "-" : signed(Math.round(row.perHour), formatOf(row))),
    value: (row) => row.perHour ?? 0,
  };
}

function sectionsPart(data: PageData): HTMLElement[] {
  return data.sections.map(({ title, columns, rows }) => {
    const name = title || columns.at(-1) || "Section";
    const line = (cells: string[], cell: "th" | "td"): HTMLElement =>
      element("tr", {}, ...cells.map((text) => element(cell, cell === "th" ? { scope: "col" } : {}, text)));
    const table = element(
      "table",
      {},
      element("thead", {}, line(columns, "th")),
      element("tbody", {}, ...rows.map((cells) => line(cells, "td"))),
    );
    const scroll = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, table);
    return element("details", {}, element("summary", {}, `In the last dump: ${name}`), scroll);
  });
}

function themeButton(redraw: () => void): HTMLElement {
  const button = element("button", { type: "button", class: "theme" }, "Dark or light");
  button.addEventListener("click", () => {
    turnOver();
    redraw();
  });
  return button;
}

function build(data: PageData): void {
  const graphs = data.x.values.length > 1;
  const chart = (title: string, rows: { name: string; values?: number[] }[], rest?: PageData["rest"]): Chart => {
    const series = rows.flatMap(({ name, values }) => (values ? [{ name, values }] : []));
    return new Chart({ title, x: data.x, series, ...(rest && { rest }) });
  };
  const byOwner = data.owners.map((row) => ({ name: row.owner, ...row }));
  const bySite = data.sites.filter((row) => holdsMemory(row.class)).map((row) => ({ name: row.location, ...row }));
  const charts = graphs ? [chart("Memory by owner", byOwner), chart("Memory by site", bySite, data.rest)] : [];
  const redraw = (): void => charts.forEach((each) => each.draw());
  const sites = sitesTable(data);
  const show = (words: string): void => {
    sites.find(words);
    sites.search.focus();
    sites.root.scrollIntoView({ block: "start" });
  };
  const main = byId("main");
  main.replaceChildren(
    element("header", {}, element("h1", {}, data.files.join(", ")), themeButton(redraw)),
    element("p", { class: "summary" }, data.summary.join(" · ")),
    ...data.warnings.map((text) => element("p", { class: "warning", role: "note" }, text)),
    suspectsPart(data, show),
    ...charts.map((each) => each.root),
    element("section", { "aria-label": "Owners" }, element("h2", {}, "Owners"), ownersTable(data, show).root),
    element("section", { "aria-label": "Sites" }, element("h2", {}, "Sites"), sites.root),
    ...sectionsPart(data),
  );
  followSystem(redraw);
  redraw();
  matchMedia("print").addEventListener("change", redraw);
}

build(JSON.parse(byId("data").textContent) as PageData);
