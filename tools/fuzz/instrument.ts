// SPDX-License-Identifier: Apache-2.0
//
// Counts which branches of JavaScript run: a counter at the beginning of each function, branch, loop, case and operand that may be left
// out. (@jazzer.js/core, which would do this, ships a binary for a later C library than Debian 12's.)

import { parse, type Node } from "acorn";

/** The array of counters in the instrumented code: globalThis[COUNTERS], a Uint8Array of this length. */
export const COUNTERS = "__fuzzCounters";
export const COUNTERS_MAX = 1 << 16;

type Child = Node & Record<string, unknown>;

let used = 0;

/** The code with counters. Each call continues the numbers of the last one. */
export function instrument(code: string): string {
  const inserts: { at: number; text: string; opens: boolean }[] = [];
  const insert = (at: number, text: string, opens = true): void => void inserts.push({ at, text, opens });
  const count = (): string => `${COUNTERS}[${used++ % COUNTERS_MAX}]++`;

  function statement(node: Child): void {
    if (node.type === "BlockStatement") return insert(node.start + 1, `${count()};`);
    insert(node.start, `{${count()};`);
    walk(node);
    insert(node.end, "}", false);
  }
  function expression(node: Child): void {
    insert(node.start, `(${count()},`);
    walk(node);
    insert(node.end, ")", false);
  }
  /** Inserts a node's counter, and walks what it wraps. Returns whether the node was walked. */
  function branch(node: Child): boolean {
    if (node.type === "BlockStatement") return (statement(node), false);
    if (node.type.endsWith("Statement")) return (statement(node), true);
    return (expression(node), true);
  }
  function walk(node: Child): void {
    const branches = branchesOf(node);
    for (const value of Object.values(node).flat() as (Child | null)[]) {
      if (typeof value?.type !== "string") continue;
      if (!branches.includes(value) || !branch(value)) walk(value);
    }
    if (node.type === "SwitchCase") {
      const [first] = node.consequent as Child[];
      if (first) insert(first.start, `${count()};`);
    }
  }
  walk(parse(code, { ecmaVersion: "latest", sourceType: "module" }) as unknown as Child);
  // Where a node ends and another begins, the end comes first.
  const sorted = inserts.map((entry, order) => ({ ...entry, order }));
  sorted.sort((a, b) => a.at - b.at || Number(a.opens) - Number(b.opens) || a.order - b.order);
  let result = "";
  let from = 0;
  for (const { at, text } of sorted) {
    result += code.slice(from, at) + text;
    from = at;
  }
  return result + code.slice(from);
}

/** The children of a node that may be left out when it runs. */
function branchesOf(node: Child): unknown[] {
  switch (node.type) {
    case "IfStatement":
    case "ConditionalExpression":
      return [node.consequent, node.alternate];
    case "LogicalExpression":
      return [node.right];
    case "ForStatement":
    case "ForOfStatement":
    case "ForInStatement":
    case "WhileStatement":
    case "DoWhileStatement":
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "CatchClause":
      return [node.body];
    default:
      return [];
  }
}
