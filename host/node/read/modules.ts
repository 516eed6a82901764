// SPDX-License-Identifier: Apache-2.0
//
// Reads the section of modules: build id and file of the server and of the plugins and libraries that the dump's rows name. Dumps of
// older versions do not have the section.

import { columnsIn, type Section } from "./dump.ts";

export interface Module {
  /** `core`, the name of an owner, or of a library. */
  name: string;
  /** In hexadecimal; undefined if the file has none. */
  buildId: string | undefined;
  path: string;
}

const COLUMNS = ["Build id", "Module"] as const;
/** A name has no slash. A path begins with a slash, or with `...` if its beginning did not fit. */
const NAME_AND_PATH = /^(.+?) ((?:\/|\.\.\.).*)$/s;

export function modulesIn(sections: readonly Section[]): Module[] {
  return sections.flatMap((section) => {
    const columns = columnsIn(section, "modules", COLUMNS);
    if (!columns) return [];
    return section.rows.flatMap((row) => {
      const [id = "-", text = ""] = columns.map((column) => row[column]);
      const [, name, path] = NAME_AND_PATH.exec(text) ?? [];
      return name && path ? [{ name, buildId: /^[0-9a-f]+$/.test(id) ? id : undefined, path }] : [];
    });
  });
}
