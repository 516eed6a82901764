// SPDX-License-Identifier: Apache-2.0
//
// A table omits columns without content, and names each column that it omits for lack of space.

import assert from "node:assert/strict";
import { test } from "node:test";
import { table, type Column, type RenderOptions } from "../../../host/node/report/table.ts";

interface Row {
  size: string;
  rate: string;
  note: string;
  name: string;
}

const rows: Row[] = [
  { size: "1.0 KiB", rate: "12 B", note: "-", name: "compress.so Gzip::Configuration::Parse" },
  { size: "2 B", rate: "0 B", note: "0", name: "core x.cc:1" },
];
const columns: Column<Row>[] = [
  { title: "Size", cell: (row) => row.size },
  { title: "Rate", cell: (row) => row.rate, spare: 1 },
  { title: "Note", cell: (row) => row.note, spare: 2 },
  { title: "Name", cell: (row) => row.name, left: true },
];
const options = (columns: number): RenderOptions => ({ columns, colour: false, top: 0, local: false });

test("columns without content are omitted at any width, and not named", () => {
  assert.deepEqual(table(rows, columns, options(Infinity)), [
    "     Size  Rate  Name",
    "  1.0 KiB  12 B  compress.so Gzip::Configuration::Parse",
    "      2 B   0 B  core x.cc:1",
  ]);
});

test("columns that do not fit are named, with the width at which they do", () => {
  const shown = table(rows, columns, options(50));
  assert.deepEqual(shown, [
    "     Size  Name",
    "  1.0 KiB  compress.so Gzip::Configuration::Parse",
    "      2 B  core x.cc:1",
    "  + Rate: --width 51 shows all columns",
  ]);
  assert.equal(table(rows, columns, options(51)).length, 3);
  assert.match(table(rows, columns, options(51))[0]!, /Rate/);
});
