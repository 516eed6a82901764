// SPDX-License-Identifier: Apache-2.0
//
// The description of the server under test: what is read from a prefix, and what is said of one that is none.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { NoServerError, serverIn } from "../../harness/server.ts";

let prefix: string;
beforeEach(() => void (prefix = mkdtempSync(join(tmpdir(), "memtrack-server-"))));
afterEach(() => rmSync(prefix, { recursive: true }));

/** Programs that stand for those of a server, and a traffic_layout that says this. */
function install(version: string, { manager = false, library = "", bin = join(prefix, "bin") } = {}): void {
  const folders = { PREFIX: "", LIBDIR: "lib", PLUGINDIR: "libexec/trafficserver", INCLUDEDIR: "include", SYSCONFDIR: "etc" };
  for (const name of ["bin", ...Object.values(folders)]) mkdirSync(join(prefix, name), { recursive: true });
  const lines = Object.entries(folders).map(([key, name]) => `${key}: ${join(prefix, name)}`);
  const info = ["BINDIR: " + bin, ...lines].map((line) => `echo '${line}'`).join("\n");
  const said = `echo 'Apache Traffic Server - traffic_layout - ${version} - (build # 0 on Jan  1 2026)'`;
  const programs = ["traffic_server", "traffic_ctl", ...(manager ? ["traffic_manager"] : [])];
  for (const name of programs) writeFileSync(join(prefix, "bin", name), "#!/bin/sh\n", { mode: 0o755 });
  const layout = `#!/bin/sh\nif [ "$1" = info ]; then\n${info}\nelse\n${said}\nfi\n`;
  writeFileSync(join(prefix, "bin", "traffic_layout"), layout, { mode: 0o755 });
  if (library) writeFileSync(join(prefix, "lib", library), "");
}

describe("a server in a prefix", () => {
  test("of version 10: records.yaml, a C++ API, no manager, and where its parts are", () => {
    install("10.2.0");
    assert.deepEqual(serverIn(prefix), {
      version: "10.2.0",
      prefix,
      name: `10.2.0 in ${prefix}`,
      bin: join(prefix, "bin"),
      lib: join(prefix, "lib"),
      plugins: join(prefix, "libexec", "trafficserver"),
      include: join(prefix, "include"),
      etc: join(prefix, "etc"),
      recordsFile: "records.yaml",
      cxxApi: true,
      reasonsAreCertain: false,
      hasManager: false,
      isShared: false,
    });
  });

  test("of version 9: records.config, a C API, a manager, and libraries of its own", () => {
    install("9.2.15", { manager: true, library: "libtscore.so.9" });
    const { version, recordsFile, cxxApi, hasManager, isShared } = serverIn(prefix);
    assert.deepEqual([version, recordsFile, cxxApi, hasManager, isShared], ["9.2.15", "records.config", false, true, true]);
  });

  test("may be named by a path from the current folder", () => {
    install("10.2.0");
    assert.equal(serverIn(relative(process.cwd(), prefix)).prefix, prefix);
  });
});

describe("a value of MEMTRACK_ATS that is no such prefix: one line with the value, the reason and the way out", () => {
  const assertSays = (why: string): void => {
    const what =
      "set it to the folder that Traffic Server was configured and installed with (its prefix), or unset it to use Debian's";
    assert.throws(() => serverIn(prefix), new NoServerError(`MEMTRACK_ATS=${prefix}: ${why}; ${what}`));
  };

  test("without the server's programs", () => {
    assertSays(`there is no ${join(prefix, "bin", "traffic_server")}`);
  });

  test("with a traffic_layout that does not run", () => {
    install("10.2.0");
    writeFileSync(join(prefix, "bin", "traffic_layout"), "#!/nowhere/sh\n");
    assertSays(`its traffic_layout cannot run (spawnSync ${join(prefix, "bin", "traffic_layout")} ENOENT)`);
  });

  test("that was moved after its installation", () => {
    install("10.2.0", { bin: "/elsewhere/bin" });
    assertSays("its traffic_layout says that its programs are in /elsewhere/bin");
  });
});
