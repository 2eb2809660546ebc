/** The errors that end the reading of a file, as rules: one row each, so that an audit lists them beside the findings. */
import type { CheckpointError, ErrorCode, Finding } from "../errors.ts";
import { findingOf, type Rule } from "./rule.ts";

/** By id: `read/` and the error's code. */
export const READ_ERROR_RULES: Readonly<Record<`read/${ErrorCode}`, Rule>> = {
  "read/truncated": {
    severity: "error",
    means: "the file ends inside its header",
    why: "a download or a copy stopped early; nothing after the cut can be known, and no loader takes the file",
    fix: "fetch the file again, and compare its size with the one that its source states",
  },
  "read/bad-magic": {
    severity: "error",
    means: "the file is of another kind than its name or its use says",
    why: "nothing of it can be read as a checkpoint: a pointer, an error page, an archive or a pickle stands in place of the weights",
    fix: "do what the message says of this kind of file",
  },
  "read/limit": {
    severity: "error",
    means: "the file claims more than any model has, or than the reader allows",
    why: "a damaged or hostile header claims sizes that would cost memory and time without end",
    fix: "get the file again; where it is sound, report it with the numbers that the message names",
  },
  "read/unsupported": {
    severity: "error",
    means: "what is to be read is known, but not read here: a version of the format, an address, a device",
    why: "nothing of it was looked at, and figures that are half understood would be wrong",
    fix: "get it as a plain file in a version that is read, or update this tool for a newer version",
  },
  "read/invalid": {
    severity: "error",
    means: "the header breaks the rules of its format, and nothing sensible can follow",
    why: "the reference reader refuses the file too",
    fix: "get the file again, or write it again with a current tool",
  },
  "read/not-found": {
    severity: "error",
    means: "the file or folder isn't there, or holds no checkpoint",
    why: "there is nothing to read",
    fix: "look at the spelling, and at what the folder holds",
  },
  "read/not-on-server": {
    severity: "error",
    means: "the server knows no such repo, revision or file",
    why: "there is nothing to read; a private repo looks the same to who may not see it",
    fix: "look at the spelling and the revision; for a private repo, give a token that may read it",
  },
  "read/auth": {
    severity: "error",
    means: "access is refused",
    why: "the file is there, but not for this user",
    fix: "log in, accept the model's terms, or change the file's permissions",
  },
  "read/network": {
    severity: "error",
    means: "the network or the server failed",
    why: "the file couldn't be read, which says nothing of the file",
    fix: "try again",
  },
};

/** The finding for an error that ended the reading: its file is the part. */
export function findingOfError({ code, message, file, offset }: CheckpointError): Finding {
  const id = `read/${code}` as const;
  return findingOf(id, READ_ERROR_RULES[id], {
    message,
    ...(file !== undefined && { part: file }),
    ...(offset !== undefined && { offset }),
  });
}
