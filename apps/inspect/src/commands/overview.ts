import { overview } from "../views/overview.ts";
import { type CommonFlags, runOn } from "./command.ts";

/** `inspect <target>` */
export function runOverview(flags: CommonFlags): Promise<void> {
  return runOn(
    flags,
    async ({ report, style }) => overview(await report(), style),
    ({ report }) => report(),
  );
}
