/** Findings: what is wrong or odd, the gravest first; each with where it is, why it matters and what to do. */
import { formatExact, plural, RULES } from "@checkpoint-inspect/analysis";
import type { Finding, Severity } from "@checkpoint-inspect/parser";

import { checkDocument } from "../../check/check-json.ts";
import { SEVERITIES } from "../../severities.ts";
import { checkView } from "../../views/check.ts";
import { safe, wrap } from "../../views/text.ts";
import type { CommandId } from "../keymap.ts";
import { bold, cell, dim, ends, type Line, line, type Tone, toned } from "../line.ts";
import { type Common, type Context, inSight, moved, type Screen, type Step, TOP, type Window } from "../screen.ts";
import { textStyle } from "../text-screen.ts";

interface FindingsState {
  readonly window: Window;
  /** Alone; null for all. */
  readonly severity: Severity | null;
  /** Lines of the pane under the list. */
  readonly detail: number;
}

const DETAIL = { initial: 8, least: 4, most: 16 };
const TONES: Readonly<Record<Severity, Tone>> = { error: "bad", warning: "warn", note: "accent" };

export const findingsScreen: Screen<FindingsState> = {
  id: "findings",
  title: "Findings",
  initial: { window: TOP, severity: null, detail: DETAIL.initial },
  view,
  act,
  arrive: (own, context) => ({
    ...own,
    window: inSight(own.window, listOf(own, context).length, listRows(own, context)),
  }),
  why(own, context) {
    const finding = here(own, context);
    const rule = RULES.find(({ id }) => id === finding?.rule);
    return {
      title: finding ? `Rule ${safe(finding.rule)}` : "Findings",
      lines: ({ columns }) => {
        const text = (label: string, words: string): Line[] =>
          wrap(safe(words), Math.max(20, Math.min(90, columns - 14))).map((row, i) =>
            line(dim((i === 0 ? label : "").padEnd(10)), row),
          );
        if (!finding)
          return text("", "Every rule that a header can be held against was; inspect check --list names them all.");
        return [
          ...text("looks for", rule?.means ?? finding.message),
          ...text("why", rule?.why ?? finding.why ?? ""),
          ...text("fix", rule?.fix ?? finding.fix ?? ""),
          [],
          ...text("here", finding.message),
        ];
      },
    };
  },
  row(own, context) {
    const finding = here(own, context);
    return finding ? `${finding.severity} ${finding.rule}: ${finding.message}` : "no findings";
  },
  text: (_, context) => checkView(checked(context), "error", textStyle(context.ascii)),
  json: (_, context) => checkDocument([checked(context)], "error"),
};

/** What the check command makes its answers from. */
function checked({ subject: { report, checkpoint }, target }: Context) {
  const filesBeside = (checkpoint.beside?.files.length ?? checkpoint.parts.length) - checkpoint.parts.length;
  return {
    target,
    source: report.source,
    report,
    findings: report.findings,
    filesBeside,
    ...(checkpoint.error && { error: checkpoint.error }),
  };
}

function listOf({ severity }: FindingsState, { subject, shared }: Context): readonly Finding[] {
  const filter = (shared.filters.findings ?? "").toLowerCase();
  const { findings } = subject.report;
  return SEVERITIES.filter((one) => severity === null || one === severity).flatMap((one) =>
    findings.filter(
      (finding) =>
        finding.severity === one &&
        (filter === "" || `${finding.rule} ${finding.message} ${finding.tensor ?? ""}`.toLowerCase().includes(filter)),
    ),
  );
}

function here(own: FindingsState, context: Context): Finding | undefined {
  return listOf(own, context)[own.window.cursor];
}

function detailRows({ detail }: FindingsState, { size }: Common): number {
  return Math.min(detail, Math.floor(size.rows / 2));
}

function listRows(own: FindingsState, context: Context): number {
  return Math.max(1, context.size.rows - 1 - (context.subject.report.error ? 1 : 0) - detailRows(own, context));
}

function view(own: FindingsState, context: Context): readonly Line[] {
  const { subject, shared, size, ascii } = context;
  const { report } = subject;
  const all = listOf(own, context);
  const rows = listRows(own, context);
  const { cursor, offset } = inSight(own.window, all.length, rows);
  const filter = shared.filters.findings ?? "";
  const counts = SEVERITIES.map((severity) =>
    plural(report.findings.filter((finding) => finding.severity === severity).length, severity),
  ).join(", ");
  const head = ends(
    line(
      bold("Findings  "),
      counts,
      ...(own.severity === null ? [] : [dim("  only: "), toned(own.severity, TONES[own.severity])]),
      ...(filter === "" ? [] : [dim("  filter: "), toned(safe(filter), "accent")]),
    ),
    line(dim("from the header alone")),
    size.columns,
  );
  const cutShort = report.error ? [line(toned(`Incomplete: ${safe(report.error.message)}`, "bad"))] : [];
  if (all.length === 0) return [head, ...cutShort, [], ...nothing(report.findings.length, size.columns)];
  const list = all.slice(offset, offset + rows).map((finding, i) => {
    const isHere = offset + i === cursor;
    const mark = isHere ? (ascii ? "> " : "\u25b8 ") : "  ";
    const spans = line(
      mark,
      toned(finding.severity.padEnd(8), TONES[finding.severity]),
      cell(safe(finding.rule), 28),
      " ",
      cell(safe(finding.message), Math.max(8, size.columns - 40)),
    );
    return isHere ? spans.map((span) => ({ ...span, inverse: true })) : spans;
  });
  const filled = [...list, ...Array.from({ length: Math.max(0, rows - list.length) }, (): Line => [])];
  return [head, ...cutShort, ...filled, ...detailLines(all[cursor], detailRows(own, context), context)];
}

function nothing(all: number, columns: number): Line[] {
  const words =
    all > 0
      ? "Nothing passes the filter: Esc clears it, f goes on to the next severity."
      : "Nothing was found: by the rules of inspect check it is whole, valid and consistent, as far as the header tells. The values of weights were not read; inspect check --weights does that.";
  return wrap(words, columns - 4).map((text) => line("  ", all > 0 ? text : toned(text, "ok")));
}

function detailLines(finding: Finding | undefined, rows: number, { size, ascii }: Context): Line[] {
  if (!finding) return [];
  const rule = ascii ? "-" : "\u2500";
  const head = `${rule}${rule} ${safe(finding.rule)} `;
  const text = (label: string, words: string | undefined): Line[] =>
    words === undefined
      ? []
      : wrap(safe(words), Math.max(20, size.columns - 10)).map((row, i) =>
          line(dim((i === 0 ? label : "").padEnd(8)), row),
        );
  return [
    line(dim(head + rule.repeat(Math.max(0, size.columns - head.length)))),
    ...text("what", finding.message),
    ...text("why", finding.why),
    ...text("do", finding.fix),
    ...text("where", whereWords(finding)),
  ].slice(0, rows);
}

function whereWords({ part, tensor, offset }: Finding): string | undefined {
  const pieces = [
    tensor === undefined ? "" : `tensor ${tensor}`,
    part === undefined ? "" : part,
    offset === undefined ? "" : `byte ${formatExact(offset)}`,
  ].filter((piece) => piece !== "");
  return pieces.length > 0 ? pieces.join(", ") : undefined;
}

function act(own: FindingsState, command: CommandId, context: Context): Step<FindingsState> | undefined {
  const all = listOf(own, context);
  const rows = listRows(own, context);
  const window = moved(own.window, command, all.length, rows);
  if (window) return { own: { ...own, window } };
  switch (command) {
    case "next-match":
    case "previous-match": {
      if (all.length === 0) return { toast: "no findings here" };
      const cursor = (own.window.cursor + (command === "next-match" ? 1 : -1) + all.length) % all.length;
      return { own: { ...own, window: inSight({ ...own.window, cursor }, all.length, rows) } };
    }
    case "severity": {
      const next = own.severity === null ? SEVERITIES[0] : SEVERITIES[SEVERITIES.indexOf(own.severity) + 1];
      const severity = next ?? null;
      return {
        own: { ...own, severity, window: TOP },
        toast: severity === null ? "every severity" : `${severity}s alone`,
      };
    }
    case "wider":
      return { own: { ...own, detail: Math.max(DETAIL.least, own.detail - 1) } };
    case "narrower":
      return { own: { ...own, detail: Math.min(DETAIL.most, own.detail + 1) } };
    case "enter":
      return jump(all[own.window.cursor], context);
    default:
      return undefined;
  }
}

/** To the tensor that it is about, or the key. */
function jump(finding: Finding | undefined, { subject, shared }: Context): Step<FindingsState> {
  if (!finding) return { toast: "no findings here" };
  const tensor = subject.tensors.findIndex(({ tensor: { name } }) => name === finding.tensor);
  if (tensor >= 0)
    return { go: "tensors", shared: { tensor, bucket: null, filters: { ...shared.filters, tensors: "" } } };
  const key = subject.checkpoint.metadata.find(({ key }) => key.length > 3 && finding.message.includes(key));
  if (key) return { go: "meta", shared: { filters: { ...shared.filters, meta: key.key } } };
  return { toast: "this is about the whole checkpoint: no tensor to go to" };
}
