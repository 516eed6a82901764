// SPDX-License-Identifier: Apache-2.0
//
// The header's key `exhausted`: which limits have refused something, and how often.

import { count } from "../../shared/units.ts";
import type { Header } from "./dump.ts";

/** "thunks (12 times), modules (3 times)"; empty where no limit is reached, and in dumps that do not know the key. */
export function exhaustedIn(header: Header): string {
  return [...(header.get("exhausted") ?? "").matchAll(/([a-z]+):(\d+)/g)]
    .map(([, name, times]) => `${name} (${times === "1" ? "once" : `${count(Number(times))} times`})`)
    .join(", ");
}
