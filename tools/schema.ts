// SPDX-License-Identifier: Apache-2.0
//
// Writes docs/report.schema.json, the JSON Schema of the output of `memtrack report`, `diff` and `doctor` with --json, and the table of
// its keys in docs/COMMAND.md. The sections of a dump come from format/format.ts. Run it after a change of this file or of
// format/format.ts; a test compares.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { classes, explanations, proofs, sections, verdicts, type Section } from "../format/format.ts";
import { headsOf, JSON_FORMAT } from "../host/node/report/render-json.ts";
import { TOP } from "./build.ts";

type Schema = Record<string, unknown>;

const text = (description: string): Schema => ({ type: "string", description });
const integer = (description: string): Schema => ({ type: "integer", description });
const number = (description: string): Schema => ({ type: "number", description });
const flag = (description: string): Schema => ({ type: "boolean", description });
const list = (description: string, items: Schema): Schema => ({ type: "array", description, items });
const oneOf = (description: string, values: readonly string[]): Schema => ({ enum: values, description });
const ref = (name: string, description: string): Schema => ({ $ref: `#/$defs/${name}`, description });

/** @param optional keys that are absent where they are not known */
function object(properties: Record<string, Schema>, optional: string[] = []): Schema {
  const required = Object.keys(properties).filter((key) => !optional.includes(key));
  return { type: "object", properties, required, additionalProperties: false };
}

const classNames = Object.keys(classes);
const verdict = oneOf(`the core's verdict: ${Object.keys(verdicts).join(", ")}`, Object.keys(verdicts));
const words = [...new Set(Object.values(explanations).map(({ word }) => word))];
/** An explanation as dumps show it: that of a growth per reload has a number, that of a held one the holder. */
const explained = (description: string, values: readonly string[]): Schema => ({
  anyOf: [
    { enum: values },
    { type: "string", pattern: `^${explanations.reload.word}, [0-9]+ of [0-9]+$` },
    { type: "string", pattern: `^${explanations.holder.word} by .` },
  ],
  description,
});
const why = explained(
  "why a growth is filling and not leak, the reason in the dump; absent for other verdicts, and where the dump has none",
  words.filter((word) => word !== explanations.nothing.word),
);
const format = { const: JSON_FORMAT, description: "version of this JSON: raised when a key changes its meaning or goes" };

/** The rows of a section. @param without a key that they lack */
function rowOf(section: Section, without?: string): Schema {
  const entries = headsOf(section).filter(([, { key }]) => key !== without);
  const properties = entries.map(([, { key, unit, meaning }]): [string, Schema] => {
    if (key === "why") return [key, explained(meaning!, words)];
    if (unit === "text") return [key, text(meaning!)];
    return [key, { type: ["integer", "null"], description: `${unit === "count" ? "" : `${unit}: `}${meaning}` }];
  });
  // A dump of an older version may lack a column.
  return object(
    Object.fromEntries(properties),
    entries.map(([, { key }]) => key),
  );
}

const dump = object(
  {
    number: integer("number of the dump: by its header; the built-in tracker's are counted from 1"),
    time: number("seconds since 1970"),
  },
  ["time"],
);
const bytesOf = (what: string): Record<string, Schema> =>
  Object.fromEntries(
    classNames.map((name) => [name, integer(name === "object" ? "objects alive" : `bytes in use, class ${name}, ${what}`)]),
  );

const age = object(
  {
    olderThan: integer("seconds before the dump"),
    youngerThan: integer("seconds before the dump; absent: since tracking was switched on"),
    alive: integer("blocks or objects"),
    bytes: integer("their bytes; of objects whose bytes are not known 0"),
  },
  ["youngerThan"],
);

const proof = object(
  {
    proof: oneOf(
      "what the search says: " +
        Object.values(proofs)
          .map(({ word, meaning }) => `${word}: ${meaning}`)
          .join("; "),
      Object.values(proofs).map(({ word }) => word),
    ),
    watched: integer("blocks that are watched, of which are"),
    lost: integer("without a reference in 21 passes"),
    probably: integer("without a reference in 6 passes and more"),
    held: integer("referred to by something that is not lost itself"),
    unsure: integer("referred to only at a place within that other blocks do not share"),
    passes: integer("complete passes over memory that watched the row"),
    ago: integer("seconds from the end of the last one to the dump; absent in dumps of older versions, and before the first"),
    blocks: integer("live blocks of the row at the last pass"),
    atLeast: integer("how many of these are lost, at least"),
    holder: text("the chain that holds most of the held blocks, from the block to the root; absent where none is known"),
    share: integer("per cent of the held blocks that it holds; absent with holder"),
  },
  ["ago", "holder", "share"],
);

const stack = object(
  {
    location: text("the row, as in the dump"),
    kind: text("its class, or the kind of its objects"),
    samples: integer("sampled allocations with this stack"),
    share: number("share in what is still allocated of the row, from 0 to 1; absent where that is not known"),
    calls: list(
      "module, function, file and line; the innermost call first; ` [inlined]` behind a function that is inlined into that of the next",
      text("a call"),
    ),
    whole: flag("whether the calls reach the thread's first function"),
  },
  ["share"],
);

const site = object(
  {
    site: integer("number of the site in this output"),
    class: oneOf("class of memory", classNames),
    kind: text("of objects their kind (TSCont, ...), else empty"),
    location: text("the call site"),
    owner: text("the plugin, or core"),
    retired: flag("its module has been unloaded"),
    allocs: integer("allocations since tracking was switched on"),
    frees: integer("releases since tracking was switched on"),
    live: integer("allocations that are still alive"),
    inUse: integer("bytes in use; of objects whose bytes are not known 0"),
    average: integer("average bytes of those in use"),
    value: integer("what the site is measured in: bytes in use, or objects alive"),
    first: integer("value in the first dump of the run"),
    change: integer("value less first"),
    peak: integer("largest value in any dump of the run"),
    perHour: number("change per hour, bytes or objects; absent where the dumps say no time, or less than a minute"),
    verdict,
    why,
    ages: list(
      "how old what is alive is, the youngest first; absent where the last dump does not say it",
      ref("age", "a span of time"),
    ),
    proof: ref("proof", "what the search for references found of it; absent where the last dump has nothing of it"),
    stacks: list(
      "the call stacks with the most living allocations, the largest first; absent where the last dump has none of it",
      ref("stack", "a call stack"),
    ),
    growth: ref("siteGrowth", "the row of this class or kind in the section growth of the last dump; absent where there is none"),
  },
  ["perHour", "verdict", "why", "ages", "proof", "stacks", "growth"],
);

const owner = object(
  {
    owner: text("the plugin, or core"),
    classes: ref("classes", "bytes in use by class"),
    total: integer("bytes in use of all classes"),
    first: integer("total in the first dump of the run"),
    change: integer("total less first"),
    perHour: number("change in bytes per hour; absent as for a site"),
    objects: integer("objects alive"),
    objectsChange: integer("objects alive, less those in the first dump"),
    verdict,
    why,
    growth: ref("ownerGrowth", "the owner's row in the section ownersGrowth of the last dump; absent where it has none"),
  },
  ["perHour", "verdict", "why", "growth"],
);

const growing = {
  perHour: integer("growth per hour, in unit"),
  unit: oneOf("what grows", ["bytes", "objects"]),
  objects: flag("whether these are objects, whatever the unit"),
  growing: integer("seconds for which it has been growing"),
  left: integer("seconds until memory is used up at that rate; absent where that is not known"),
  evidence: text("the same in words, the location first"),
};

const suspectRow = object({ location: text("the call site"), ...growing }, ["left"]);

const suspect = object(
  {
    location: text(
      "the call site, or what those of its rows have in common; of an owner none of whose sites is a suspect, its name",
    ),
    owner: text("the plugin, or core"),
    ...growing,
    rows: list("the rows that have this one cause, at least one", ref("suspectRow", "a row")),
    by: oneOf("who says so: the proxy in its last dump, or the core on the dumps of the file", ["proxy", "replay"]),
  },
  ["left"],
);

const run = object({
  run: integer("number of the run, counted from 1"),
  origin: oneOf("who wrote the dumps", ["memtrack", "built-in"]),
  dumps: integer("dumps of the run"),
  first: ref("dump", "its first dump"),
  last: ref("dump", "its last dump"),
});

const counts = object({
  bytes: integer("bytes read, without what other programs wrote around the server's lines"),
  lines: integer("lines read"),
  foreign: integer("lines that are in no dump"),
  dumps: integer("dumps read"),
  cut: integer("dumps whose end is missing"),
  damaged: integer("dumps whose rows do not make the sums that they say"),
});

/** A section of the last dump. Those of the classes are in `sites`. */
const known = Object.entries(sections)
  .filter(([name]) => name !== "memory" && name !== "objects")
  .map(([name, section]) =>
    object({
      name: { const: name, description: "the section" },
      title: text("its title in the dump"),
      rows: list("its rows, in their order; null is a number that is not known", rowOf(section)),
    }),
  );
const unknown = object({
  title: text("its title in the dump, of a section that this version does not know"),
  rows: { type: "array", description: "its rows, keys from the heads of its columns", items: { type: "object" } },
});

const report = object(
  {
    format,
    files: list("the files that were read, as they were named; - is standard input", { type: "string" }),
    origin: oneOf("who wrote the dumps", ["memtrack", "built-in"]),
    run: integer("number of the run that is reported, counted from 1"),
    runs: list("all runs of the files: a run is what one process counted", ref("run", "a run")),
    dumps: integer("dumps of the run"),
    first: ref("dump", "first dump of the run"),
    last: ref("dump", "last dump of the run"),
    seconds: number("seconds from the first to the last dump; absent where they say no time"),
    header: {
      type: "object",
      description: "header of the last dump, keys and values as text",
      additionalProperties: { type: "string" },
    },
    summary: list("lines of the last dump that sum it up; empty in format 1", { type: "string" }),
    notes: list("further lines of the last dump that begin with memtrack", {
      type: "object",
      additionalProperties: { type: "string" },
    }),
    warnings: list("what to know before the numbers", { type: "string" }),
    counts: ref("counts", "what was read"),
    total: integer("bytes in use in the last dump"),
    totalChange: integer("total, less that of the first dump of the run"),
    classes: ref("classes", "bytes in use by class"),
    resident: ref("resident", "memory of the process; absent where the last dump does not say it"),
    judge: oneOf("who gave the verdicts and named the suspects: the proxy in its last dump, or the core on the dumps of the file", [
      "proxy",
      "replay",
    ]),
    sites: list("call sites, what grew most first", ref("site", "a call site")),
    owners: list("owners, what grew most first", ref("owner", "an owner")),
    suspects: list("suspects, as the core names them", ref("suspect", "a suspect")),
    sections: list("further sections of the last dump", ref("section", "a section")),
  },
  ["seconds", "resident"],
);

const nullable = (description: string): Schema => ({ type: ["integer", "null"], description });

const resident = object(
  {
    bytes: integer("resident bytes in the last dump"),
    change: nullable("change of bytes; null where one of the dumps does not say them"),
    since: oneOf("what the changes are since: the first dump; of one dump alone the baseline that it names", [
      "first dump",
      "baseline",
    ]),
    coverage: nullable("percentage of change that the rows explain; null below 16 MiB"),
    unaccounted: integer("bytes that no row and no known part explains"),
    unaccountedChange: nullable("change of unaccounted"),
    unaccountedShare: integer("percentage of bytes"),
    verdict,
    why,
  },
  ["verdict", "why"],
);

const diff = object(
  {
    format,
    before: text("file and dump"),
    after: text("file and dump"),
    beforeTime: number("seconds since 1970; absent where the dump says no time"),
    afterTime: number("seconds since 1970; absent where the dump says no time"),
    totalBefore: integer("bytes in use"),
    totalAfter: integer("bytes in use"),
    resident: ref("resident", "memory of the process in the later dump; absent where it does not say it"),
    warnings: list("what to know before the numbers", { type: "string" }),
    rows: list(
      "sites that differ: what grew, what shrank, what stayed as large",
      object({
        class: oneOf("class of memory", classNames),
        kind: text("of objects their kind, else empty"),
        location: text("the call site"),
        owner: text("the plugin, or core"),
        state: oneOf("which of the dumps has it: both, the second alone, the first alone", ["both", "new", "gone"]),
        before: integer("bytes in use, or objects alive"),
        after: integer("bytes in use, or objects alive"),
        change: integer("after less before"),
        allocs: integer("allocations between them"),
        frees: integer("releases between them"),
      }),
    ),
  },
  ["beforeTime", "afterTime", "resident"],
);

const doctor = object({
  format,
  findings: list(
    "what the doctor found",
    object(
      {
        state: oneOf("how it is", ["ok", "note", "problem"]),
        what: text("what was found"),
        fix: text("what to change; absent where there is nothing"),
      },
      ["fix"],
    ),
  ),
});

const DEFINITIONS: Record<string, Schema> = {
  report,
  site,
  owner,
  suspect,
  suspectRow,
  age,
  proof,
  stack,
  classes: object(bytesOf("in the last dump")),
  resident,
  dump,
  run,
  counts,
  siteGrowth: rowOf(sections.growth, "location"),
  ownerGrowth: rowOf(sections.ownersGrowth, "owner"),
  section: { anyOf: [...known, unknown] },
  diff,
  doctor,
};

export function schemaText(): string {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $comment: "SPDX-License-Identifier: Apache-2.0. Made by tools/schema.ts.",
    title: "What memtrack report, diff and doctor write with --json",
    anyOf: ["report", "diff", "doctor"].map((name) => ({ $ref: `#/$defs/${name}` })),
    $defs: DEFINITIONS,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

const SHOWN = {
  report: "the report",
  site: "`sites[]`",
  owner: "`owners[]`",
  suspect: "`suspects[]`",
  suspectRow: "`suspects[].rows[]`",
  age: "`sites[].ages[]`",
  proof: "`sites[].proof`",
  stack: "`sites[].stacks[]`",
  resident: "`resident`",
  siteGrowth: "`sites[].growth`",
  ownerGrowth: "`owners[].growth`",
};

/** The keys as a table. */
export function keysTable(): string {
  const lines = Object.entries(SHOWN).flatMap(([name, where]) => {
    const { properties } = DEFINITIONS[name] as { properties: Record<string, { description: string }> };
    return Object.entries(properties).map(
      ([key, { description }]) => `| ${where} | \`${key}\` | ${description.replaceAll("|", "\\|")} |`,
    );
  });
  return ["| in | key | meaning |", "|---|---|---|", ...lines].join("\n");
}

const BETWEEN = /(?<=<!-- keys: tools\/schema\.ts -->\n)[^]*?(?=\n<!-- \/keys -->)/;

/** docs/COMMAND.md with the table. */
export function withKeys(page: string): string {
  return page.replace(BETWEEN, () => keysTable());
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const page = join(TOP, "docs", "COMMAND.md");
  writeFileSync(join(TOP, "docs", "report.schema.json"), schemaText());
  writeFileSync(page, withKeys(readFileSync(page, "utf8")));
}
