// SPDX-License-Identifier: Apache-2.0
//
// What `npm run check` asks ESLint: typescript-eslint's rules for likely mistakes, those that need types among them. Layout is
// Prettier's. It is a workspace of its own because typescript-eslint needs TypeScript's JavaScript API, which TypeScript 7 does not
// have: here is the last TypeScript that has one, for nothing but this.

import { fileURLToPath } from "node:url";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["tests/core/**/*.spec.ts", "tests/core/**/support.ts"] },
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        tsconfigRootDir: fileURLToPath(new URL("../..", import.meta.url)),
        project: ["tsconfig.json", "host/web/tsconfig.json", "tests/web/tsconfig.json"],
      },
    },
    rules: {
      // node:test collects what these return.
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: ["test", "describe", "suite", "it"] }] },
      ],
      // tsc finds unused variables, but for those that begin with an underscore.
      "@typescript-eslint/no-unused-vars": "off",
      // Functions are taken out of plain objects, which they do not know as `this`. Of the classes none is taken apart.
      "@typescript-eslint/unbound-method": "off",
      // An async function is one that returns a promise, also where it has nothing to wait for.
      "@typescript-eslint/require-await": "off",
    },
  },
);
