// SPDX-License-Identifier: Apache-2.0
//
// The file to which dumps are written: the path given by a value, and one log line about the destination of dumps.

import {
  ANSWER_MAX,
  LINE_NOTE,
  LINE_WARNING,
  OUTPUT_ABOVE,
  OUTPUT_FAILED,
  OUTPUT_FULL,
  OUTPUT_LINK,
  OUTPUT_LONG,
  OUTPUT_MISSING,
  OUTPUT_NONE,
  OUTPUT_NOWHERE,
  OUTPUT_USABLE,
} from "../../../assembly/abi";
import { answerNumber, answerSeverity } from "../../../assembly/base/answer";
import { outputNotice, outputPath } from "../../../assembly/control/output";
import { answered, freshControl, put } from "../support";

const NAME: string = "proxy.config.plugin.memtrack.output";
const ELSEWHERE: string = "; dumps go to the server's standard error (traffic.out or the journal) until it can be used. ";

/** The path given by a value, and the state. */
function path(value: string, folder: string = "/var/log"): string {
  put(value + folder);
  return answered(outputPath(value.length, folder.length)) + "|" + answerNumber().toString();
}

function says(state: u32, value: string, at: string = "", reason: string = ""): string {
  put(value + at + reason);
  return answered(outputNotice(state, value.length, at.length, reason.length));
}

function state(number: u32): string {
  return "|" + number.toString();
}

describe("a value", () => {
  test("is a path relative to the log folder, or an absolute path", () => {
    freshControl();
    expect(path("memtrack.out")).toBe("/var/log/memtrack.out" + state(OUTPUT_USABLE));
    expect(path("a/b..out")).toBe("/var/log/a/b..out" + state(OUTPUT_USABLE));
    expect(path("/tmp/x.out")).toBe("/tmp/x.out" + state(OUTPUT_USABLE));
    expect(path("/tmp/x.out", "")).toBe("/tmp/x.out" + state(OUTPUT_USABLE));
  });

  test("that is empty or the server's word for empty gives no file", () => {
    freshControl();
    expect(path("")).toBe(state(OUTPUT_NONE));
    expect(path("NULL")).toBe(state(OUTPUT_NONE));
    expect(path("NULLS")).toBe("/var/log/NULLS" + state(OUTPUT_USABLE));
  });

  test("with a path that leads up, is too long, or has no folder is refused", () => {
    freshControl();
    expect(path("..")).toBe(state(OUTPUT_ABOVE));
    expect(path("../x")).toBe(state(OUTPUT_ABOVE));
    expect(path("a/../x")).toBe(state(OUTPUT_ABOVE));
    expect(path("/tmp/..")).toBe(state(OUTPUT_ABOVE));
    expect(path("x.out", "")).toBe(state(OUTPUT_NOWHERE));
    expect(path("x".repeat(ANSWER_MAX))).toBe(state(OUTPUT_LONG));
    expect(path("x", "y".repeat(ANSWER_MAX))).toBe(state(OUTPUT_LONG));
    const most = "x".repeat(ANSWER_MAX - 10);
    expect(path(most)).toBe("/var/log/" + most + state(OUTPUT_USABLE));
  });
});

describe("the destination of dumps", () => {
  test("is logged when it changes, and not again", () => {
    freshControl();
    expect(says(OUTPUT_NONE, "")).toBe("");
    expect(says(OUTPUT_USABLE, "x", "/l/x")).toBe("dumps go to /l/x (" + NAME + ")");
    expect(answerSeverity()).toBe(LINE_NOTE);
    expect(says(OUTPUT_USABLE, "x", "/l/x")).toBe("");
    expect(says(OUTPUT_USABLE, "y", "/l/y")).toBe("dumps go to /l/y (" + NAME + ")");
    expect(says(OUTPUT_NONE, "")).toBe(
      "dumps go to the server's standard error (traffic.out or the journal): " + NAME + " is empty",
    );
    expect(says(OUTPUT_NONE, "NULL")).toBe("");
  });

  test("is logged with the value, the reason and a remedy if the file cannot be used", () => {
    freshControl();
    expect(says(OUTPUT_LINK, "x", "/l/x")).toBe(
      NAME + ' is "x": /l/x is a symbolic link' + ELSEWHERE + "Set the path of the link's target, or remove the link",
    );
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(says(OUTPUT_LINK, "x", "/l/x")).toBe("");
    expect(says(OUTPUT_USABLE, "x", "/l/x")).toBe("dumps go to /l/x (" + NAME + ")");
    expect(says(OUTPUT_FULL, "x", "/l/x", "No space")).toBe(
      NAME + ' is "x": /l/x cannot be written: No space' + ELSEWHERE + "Free disk space; the next dump tries this file again",
    );
    expect(says(OUTPUT_FAILED, "x", "/l/x", "Too many open files")).toBe(
      NAME + ' is "x": /l/x cannot be used: Too many open files' + ELSEWHERE + "Set the path of another file",
    );
    expect(
      says(OUTPUT_MISSING, "a/x", "/l/a/x", "None").endsWith("Create the folder, and allow the server's user to write to it"),
    ).toBe(true);
    expect(says(OUTPUT_ABOVE, "../x")).toBe(
      NAME + ' is "../x": a path with ".." is not used' + ELSEWHERE + "Set a path below the log folder, or an absolute path",
    );
  });

  test("is logged as one line of printable text, whatever the value", () => {
    freshControl();
    expect(says(OUTPUT_USABLE, "x\n", "/l/x\n\x1b[31m")).toBe("dumps go to /l/x??[31m (" + NAME + ")");
    const long = says(OUTPUT_LINK, "v".repeat(4000), "/" + "p".repeat(4000), "r".repeat(4000));
    expect(long.length).toBeLessThan(900);
    expect(long.endsWith("or remove the link")).toBe(true);
  });
});
