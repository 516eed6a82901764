// SPDX-License-Identifier: Apache-2.0
//
// The page: reads the data embedded in it and builds all visible elements. It makes no request.

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { holdsMemory } from "../shared/classes.ts";
import type { PageData, SiteData } from "../shared/page-data.ts";
import { shortName } from "../shared/place.ts";
import { time as timeText } from "../shared/units.ts";
import { Chart, type Span } from "./chart.ts";
import { byId, element } from "./dom.ts";
import { reconciliationPart, sectionsPart } from "./sections.ts";
import { ownersTable, sitesTable, View } from "./rows.ts";
import { searchPart, stacksPart } from "./search.ts";
import { suspectsPart, summaryPart } from "./summary.ts";
import { themeButton } from "./theme.ts";

function build(data: PageData): void {
  const view = new View(data.x);
  const sites = sitesTable(data, view);
  const showSites = (name: string, has: (row: SiteData) => boolean): void => sites.showOnly(name, has);
  const owners = ownersTable(data, view, showSites);
  const span = element("p", { class: "hint", role: "status" });
  const saySpan = (): void => {
    const [from, to] = [data.x.values[view.from]!, data.x.values[view.to]!].map((x) => (data.x.time ? timeText(x) : `dump ${x}`));
    span.textContent = view.whole
      ? `Change is from ${from} to ${to}, all dumps. Drag in a graph to choose a part of the time; double-click shows all.`
      : `Change is from ${from} to ${to}, as chosen in the graph. Sites without a graph of their own show "-".`;
  };
  let charts: Chart[] = [];
  const zoomed = (shown: Span): void => {
    for (const chart of charts) chart.show(shown);
    if (!view.choose(shown)) return;
    saySpan();
    owners.draw();
    sites.draw();
  };
  const chart = (title: string, rows: { name: string; owner: string; values?: number[] }[], rest?: PageData["rest"]): Chart => {
    const series = rows.flatMap(({ name, owner, values }) => (values ? [{ name, owner, values }] : []));
    return new Chart({ title, x: data.x, series, ...(rest && { rest }), zoomed });
  };
  if (data.x.values.length > 1) {
    const byOwner = data.owners.map((row) => ({ name: row.owner, ...row }));
    const bySite = data.sites.filter((row) => holdsMemory(row.class)).map((row) => ({ name: shortName(row), ...row }));
    charts = [chart("Memory by owner", byOwner), chart("Memory by site", bySite, data.rest)];
    saySpan();
  }
  const redraw = (): void => charts.forEach((each) => each.draw());
  byId("main").replaceChildren(
    element("header", {}, element("h1", {}, data.files.join(", ")), themeButton(redraw)),
    element("p", { class: "about" }, data.summary.join(" · ")),
    ...data.warnings.map((text) => element("p", { class: "warning", role: "note" }, text)),
    summaryPart(data, showSites),
    suspectsPart(data, showSites),
    ...searchPart(data),
    ...stacksPart(data),
    ...(charts.length ? [element("div", { class: "charts" }, ...charts.map((each) => each.root)), span] : []),
    ...reconciliationPart(data),
    element("section", { "aria-label": "Owners" }, element("h2", {}, "Owners"), owners.root),
    element("section", { "aria-label": "Sites" }, element("h2", {}, "Sites"), sites.root),
    ...sectionsPart(data),
  );
  redraw();
  matchMedia("print").addEventListener("change", redraw);
}

build(JSON.parse(byId("data").textContent) as PageData);
