import type { Report } from "@checkpoint-inspect/analysis";

import type { RemotePlace } from "../remote/open-remote.ts";
import type { Style } from "../terminal.ts";
import { overview } from "../views/overview.ts";
import { safe } from "../views/text.ts";
import { type CommonFlags, type Opened, type PlaceView, runOn } from "./command.ts";

/** `inspect <target>` */
export function runOverview(flags: CommonFlags): Promise<void> {
  return runOn(
    flags,
    async (opened) => {
      const report = await opened.report();
      return [...(await placeText(opened, report)), overview(report, opened.style) + auditHint(opened)].join("\n\n");
    },
    async (opened) => {
      const report = await opened.report();
      return { ...report, ...(opened.place && (await placeJson(opened.place, report))) };
    },
    PLACE,
  );
}

/** What lies in the repository, above what is shown of it. */
async function placeText({ place, style }: Opened, report: Report): Promise<string[]> {
  return place?.repository ? [await repositoryText(place, style, report)] : [];
}

/** A line below the other commands: what the header can't tell of a repo, the audit can. */
function auditHint({ place, style }: Opened): string {
  const { repository } = place ?? {};
  if (repository?.from !== "hub") return "";
  return `\n${style.color.dim(`Whether to trust it: inspect audit ${safe(repository.id)}`)}`;
}

const PLACE: PlaceView = { text: (place, style) => repositoryText(place, style), json: (place) => placeJson(place) };

async function repositoryText(place: RemotePlace, style: Style, report?: Report): Promise<string> {
  const { overviewOf, repositoryView } = await import("../views/repository.ts");
  const repo = overviewOf(place, report);
  return repo ? repositoryView(repo, style) : "";
}

async function placeJson(place: RemotePlace, report?: Report): Promise<object> {
  const { overviewOf, repositoryDocument } = await import("../views/repository.ts");
  const repo = overviewOf(place, report);
  return repo ? { repository: repositoryDocument(repo) } : {};
}
