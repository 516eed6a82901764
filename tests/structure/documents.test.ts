// SPDX-License-Identifier: Apache-2.0
//
// The documents agree with the tree: each path that they name exists, and each invariant names its test.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { TOP } from "../../tools/build.ts";

const FOLDERS = ["docs/decisions", "docs/how"];
const DOCUMENTS = [
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  ...FOLDERS.flatMap((folder) => readdirSync(join(TOP, folder)).map((name) => `${folder}/${name}`)),
];

const isPage = (name: string): boolean => name.endsWith(".md");
const inDocs = (name: string): string => `docs/${name}`;

/** Anchors of a document's headings, as GitHub makes them. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );

const read = (path: string): string => readFileSync(join(TOP, path), "utf8");

/** Names of all files of the sources. */
const names = new Set(
  ["assembly", "bench", "harness", "host", "tests", "tools"]
    .flatMap((folder) => readdirSync(join(TOP, folder), { recursive: true, encoding: "utf8" }))
    .map((path) => basename(path)),
);

for (const path of DOCUMENTS) {
  test(`${path} names files that exist`, () => {
    const text = read(path);
    const paths = [...text.matchAll(/\b(?:assembly|bench|docs|harness|host|tests|tools)\/[\w./-]*\w/g)].map(([name]) => name);
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link]) => join(dirname(path), link!));
    const files = [...text.matchAll(/(?<![\w/.*-])[\w-]+\.(?:tsx?|mjs|cc?|h)\b/g)].map(([name]) => name);
    assert.deepEqual(
      [...paths, ...links].filter((name) => !existsSync(join(TOP, name))),
      [],
    );
    assert.deepEqual(
      files.filter((name) => !names.has(name)),
      [],
    );
  });
}

for (const path of [
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "bench/README.md",
  ...readdirSync(join(TOP, "docs")).filter(isPage).map(inDocs),
]) {
  test(`links of ${path} lead to files and headings that exist`, () => {
    const broken = [...read(path).matchAll(/\]\((?![a-z]+:)([^)#]*)(?:#([^)]*))?\)/g)].filter(([, link, anchor]) => {
      const target = link ? join(dirname(path), link) : path;
      return !existsSync(join(TOP, target)) || (anchor && !anchorsOf(read(target)).has(anchor));
    });
    assert.deepEqual(
      broken.map(([link]) => link),
      [],
    );
  });
}

test("each invariant names a test, and each test that it names exists", () => {
  const [, section] = /^## Invariants\n(.*)/ms.exec(read("ARCHITECTURE.md")) ?? [];
  const invariants = section!.split(/^- /m).slice(1);
  assert.ok(invariants.length > 10);
  const without = invariants.filter((text) => !/\[(tests\/[\w./-]+(,\s+)?)+\]/.test(text));
  assert.deepEqual(without, []);
});

for (const folder of FOLDERS) {
  test(`${folder}/README.md has a line for each page`, () => {
    const listed = [...read(`${folder}/README.md`).matchAll(/^- \[.*?\]\((.+?)\) ./gm)].map(([, name]) => name!);
    const pages = readdirSync(join(TOP, folder)).filter((name) => name !== "README.md");
    assert.deepEqual(listed.toSorted(), pages.toSorted());
  });
}
