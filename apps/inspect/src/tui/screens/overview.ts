/** Overview: what it is and where its parameters are. */
import { overview } from "../../views/overview.ts";
import { dim, line } from "../line.ts";
import { textScreen } from "../text-screen.ts";

export const overviewScreen = textScreen({
  id: "overview",
  title: "Overview",
  view: ({ subject }, style) => overview(subject.report, style),
  why: () => ({ title: "Overview", lines: () => [line(dim("to be written"))] }),
  json: (_, { subject }) => subject.report,
});
