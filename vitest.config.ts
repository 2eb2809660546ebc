import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "fixtures/**/*.test.ts"],
    globalSetup: ["./test-support/built-command.ts"],
    reporters: ["default", "./test-support/closing-line-reporter.ts"],
    // Vitest leaves a core free; many of these tests wait for a process, and with two cores half of the time would be lost.
    maxWorkers: "100%",
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
