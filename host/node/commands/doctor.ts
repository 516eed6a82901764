// SPDX-License-Identifier: Apache-2.0
//
// `memtrack doctor`: checks an installation for problems.

import { doctor } from "../doctor/doctor.ts";
import { renderFindings } from "../doctor/render.ts";
import { toJson } from "../report/render-json.ts";
import { renderOptions, write, type Io } from "./io.ts";
import { command, JSON_OPTION, type AnyCommand } from "./options.ts";

export function doctorCommand(io: Io, finish: (code: number) => void): AnyCommand {
  return command({
    command: "doctor",
    describe: "look at an installation, and say what to change",
    builder: (parser) =>
      parser
        .options({
          "run-root": { type: "string", requiresArg: true, describe: "the server's runroot.yaml, where it has one" },
          config: { type: "string", requiresArg: true, describe: "the folder of plugin.config and the records" },
          log: { type: "string", requiresArg: true, describe: "the file with the dumps" },
          plugins: { type: "string", requiresArg: true, describe: "the folder of memtrack.so" },
          service: { type: "string", requiresArg: true, describe: "the file that sets TM_DAEMON_ARGS or TS_DAEMON_ARGS" },
          json: JSON_OPTION,
          "fail-on": { choices: ["problem"] as const, describe: "exit with 1 where there is a problem" },
        })
        .example("$0 doctor", "the system's Traffic Server, by traffic_layout")
        .example("$0 doctor --config /opt/ats/etc --log /opt/ats/log/traffic.out", "one that is elsewhere"),
    handler: async (args) => {
      const findings = await doctor(args, io.env);
      if (args.failOn === "problem" && findings.some(({ state }) => state === "problem")) finish(1);
      await write(io.stdout, args.json ? toJson(findings) : renderFindings(findings, renderOptions(io, { top: 0 })));
    },
  });
}
