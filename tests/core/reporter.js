// SPDX-License-Identifier: Apache-2.0
//
// as-pect's reporter for specs.test.ts: a line of JSON for each test, with the names of its groups and its own name.

const TEST = 0; // as-pect's TestNodeType

export default {
  onEnter() {},
  onExit() {},
  onFinish(suite) {
    suite.rootNode.visit((node) => {
      const said = [node.message, ...node.errors.map(({ message }) => message), node.stackTrace].filter(Boolean);
      // A group that fails itself, outside its tests, is a failed test too.
      if (node.type !== TEST && !said.length) return;
      for (const [what, value] of Object.entries({ actual: node.actual, expected: node.expected })) {
        if (value) said.push(`${what}: ${value.negated ? "not " : ""}${value.stringify({ indent: 0 })}`);
      }
      said.push(...node.logs.map((log) => `log: ${log.stringify({ indent: 0 })}`));
      const names = [];
      for (let at = node; at.parent; at = at.parent) names.unshift(at.name);
      console.log(`spec ${JSON.stringify({ file: suite.fileName, names, pass: node.pass, said })}`);
    });
  },
};
