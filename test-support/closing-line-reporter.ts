/**
 * Prints the run's last line in the plain form `N passed, N failed[, N skipped]`, and before it how many of the
 * tests that read ../shared/data ran (their names carry `[real]`).
 */
import type { Reporter, TestModule } from "vitest/node";

export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, realRan: 0, realSkipped: 0 };
    for (const module of modules) {
      let inModule = 0;
      for (const test of module.children.allTests()) {
        inModule++;
        const { state } = test.result();
        const real = test.fullName.includes("[real]");
        if (state === "passed") counts.passed++;
        else if (state === "failed") counts.failed++;
        else counts.skipped++;
        if (real) counts[state === "skipped" || state === "pending" ? "realSkipped" : "realRan"]++;
      }
      // A module that did not even load has no tests to fail.
      if (inModule === 0 && module.state() === "failed") counts.failed++;
    }
    counts.failed += unhandledErrors.length;
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
    console.log(`real-file tests: ${counts.realRan} ran, ${counts.realSkipped} skipped`);
    console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  }
}
