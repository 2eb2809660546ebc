/** The rules on chat templates, with the parser that they need: behind an import of their own, as most starts do without them. */
export { TEMPLATE_RULES } from "@checkpoint-inspect/analysis";
