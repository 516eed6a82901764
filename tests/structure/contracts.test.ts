// SPDX-License-Identifier: Apache-2.0
//
// Every header of the C host states where each function may be called, with the words of CONTRIBUTING.md. They are in the function's
// comment; functions without an empty line between them share a comment, and "All are hook-safe" or "None is" in the file head applies to
// the whole file. Also: attributes and atomics are written in one file only.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TOP } from "../../tools/build.ts";

const CONTRACT = /\b(hook-safe|signal-safe|event-thread|init-only|task-thread|any\s+thread)\b/i;
const CONTRACT_OF_ALL = new RegExp(`(^|[.:] )(All|None)\\b[^.]*${CONTRACT.source}`, "i");

const sources = sourcesOf("host/ats");
const headers = [...sources].filter(([name]) => name.endsWith(".h"));

test("every function in a header of host/ats states where it may be called", () => {
  assert.ok(headers.flatMap(([, text]) => declarationsOf(text)).length > 150, "headers were read");
  assert.deepEqual(
    headers.flatMap(([name, text]) => withoutContract(text).map((missing) => `${name}: ${missing}`)),
    [],
  );
});

test("every header of host/ats with functions or variables has the C++ guard", () => {
  const unguarded = headers.filter(([, text]) => declarationsOf(text).length && !text.includes('#ifdef __cplusplus\nextern "C" {'));
  assert.deepEqual(
    unguarded.map(([name]) => name),
    [],
  );
});

test("attributes are used in base/compiler.h, the compiler's atomics in base/atomic.h, and _Atomic nowhere", () => {
  const found = (pattern: RegExp): string[] => [...sources].flatMap(([name, text]) => (pattern.test(codeOf(text)) ? [name] : []));
  assert.deepEqual(found(/__attribute__|__builtin_expect/), ["base/compiler.h"]);
  assert.deepEqual(found(/\b__atomic_/), ["base/atomic.h"]);
  assert.deepEqual(found(/\b_Atomic\b|stdatomic\.h/), []);
});

describe("the header parser", () => {
  test("reads a function's contract from its own comment", () => {
    const text =
      "/* Head. */\n#include <a.h>\n\n/* Does it. Any thread. */\nvoid good(int x);\n\n/* Does it. */\nvoid bad(void);\n";
    assert.deepEqual(withoutContract(text), ["bad"]);
  });

  test("shares a comment among functions without an empty line between them", () => {
    const text = "/* Head. */\n/* Both. hook-safe. */\nvoid first(void);\nvoid second(void) MT_NORETURN;\n\nvoid third(void);\n";
    assert.deepEqual(withoutContract(text), ["third"]);
  });

  test("applies a contract in the file head that covers all functions", () => {
    assert.deepEqual(withoutContract("/* Head.\n *\n * All functions are hook-safe. */\nvoid good(void);\n"), []);
    assert.deepEqual(withoutContract("/* Head. None is\n * hook-safe: it allocates. */\nvoid good(void);\n"), []);
    assert.deepEqual(withoutContract("/* The one above is hook-safe. */\n\nvoid bad(void);\n"), ["bad"]);
  });

  test("recognizes definitions, templates and pointer results, and ignores types, variables and macros", () => {
    const text = [
      "/* Head. */",
      "#define CALL(x) \\",
      "  call(x)",
      "#ifdef __cplusplus",
      'extern "C" {',
      "#endif",
      "struct s {",
      "  int (*member)(void);",
      "};",
      "typedef int (*handler)(void *data);",
      "extern struct s variable MT_ALIGNED(64) MT_HIDDEN;",
      "",
      "static inline struct s *",
      "inlined(void)",
      "{",
      "  return &variable;",
      "}",
      "",
      "void (*chooser(int which))(void);",
      "#ifdef __cplusplus",
      "}",
      "",
      "template <typename T>",
      "bool",
      "templated(T (&x)[2])",
      "{",
      "  if (x) { return true; }",
      "}",
    ].join("\n");
    assert.deepEqual(withoutContract(text), ["inlined", "chooser", "templated"]);
    assert.deepEqual(
      declarationsOf(text).map(({ name }) => name),
      ["variable", "inlined", "chooser", "templated"],
    );
  });
});

interface Declaration {
  name: string;
  isFunction: boolean;
  /** The comment that applies to it. */
  comment: string;
}

/** The functions of a header that have a contract neither in their comment nor in the file head. */
function withoutContract(text: string): string[] {
  const head = (/^\/\*(.*?)\*\//s.exec(text)?.[1] ?? "").replace(/\n \*/g, " ").replace(/\s+/g, " ");
  if (CONTRACT_OF_ALL.test(head)) return [];
  return declarationsOf(text).flatMap(({ name, isFunction, comment }) => (isFunction && !CONTRACT.test(comment) ? [name] : []));
}

/** The functions and variables that a header declares outside types. */
function declarationsOf(text: string): Declaration[] {
  const declarations: Declaration[] = [];
  let comment = "";
  let statement = "";
  let depth = 0;
  let lineBegins = true;
  const end = (): void => {
    const declared = /(?:typedef|_Static_assert)\b/.test(statement) ? undefined : nameIn(statement);
    if (declared) declarations.push({ ...declared, comment });
    statement = "";
  };
  for (const [token] of withoutPreprocessor(text).matchAll(/\/\*.*?\*\/|\n\s*\n|[{};]|[^{};/\n]+|[\n/]/gs)) {
    const between = depth === 0 && !statement.trim();
    if (token === "{") {
      if (depth++ === 0) end();
    } else if (token === "}") depth--;
    else if (depth === 0 && token === ";") end();
    else if (token.startsWith("/*")) {
      if (between && lineBegins) comment = token;
    } else if (between && /^\n\s*\n$/.test(token)) comment = "";
    else if (depth === 0) statement += token;
    lineBegins = token.startsWith("\n") || (lineBegins && !token.trim());
  }
  return declarations;
}

/** The name that a statement declares; undefined for a type, or for no declaration. */
function nameIn(statement: string): { name: string; isFunction: boolean } | undefined {
  const plain = statement.replace(/\bMT_\w+(\([^)]*\))?/g, "").replace(/^\s*template\s*<[^>]*>/, "");
  const [, called] = /(\w+)\(/.exec(plain) ?? [];
  if (called) return { name: called, isFunction: true };
  const [, variable] = /^\s*(?:extern|static)\b[^=]*?(\w+)\s*(?:\[[^\]]*\]\s*)?(?:=.*)?$/s.exec(plain) ?? [];
  return variable ? { name: variable, isFunction: false } : undefined;
}

/** The text without preprocessor lines and without the braces of extern "C". */
function withoutPreprocessor(text: string): string {
  return text.replace(/^#ifdef __cplusplus\n(extern "C" \{|\})\n/gm, "").replace(/^[ \t]*#(?:.*\\\n)*.*\n/gm, "");
}

function codeOf(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, "");
}

/** The text of each C and C++ source below a folder, by its path in the folder. */
function sourcesOf(folder: string): Map<string, string> {
  const names = readdirSync(join(TOP, folder), { recursive: true, encoding: "utf8" });
  const chosen = names.filter((name) => /\.([ch]|cc)$/.test(name)).sort();
  return new Map(chosen.map((name) => [name, readFileSync(join(TOP, folder, name), "utf8")]));
}
