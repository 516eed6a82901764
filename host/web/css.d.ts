// SPDX-License-Identifier: Apache-2.0
//
// esbuild puts imported style sheets beside the script; to TypeScript they are modules without content.

declare module "*.css";
