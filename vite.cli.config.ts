import { defineConfig } from 'vite'

// The command line as modules for Node: one small entry that starts at once, and chunks that are loaded by the command that runs.
// ONNX Runtime stays outside, so that it finds its .wasm file beside its own code; so does the driver of the browser.
export default defineConfig({
  publicDir: false,
  ssr: {
    noExternal: true,
    external: ['onnxruntime-web', 'playwright-core'],
    resolve: { externalConditions: ['onnxruntime-web-use-extern-wasm', 'node', 'module'] },
  },
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist-cli',
    minify: false,
    rollupOptions: {
      input: {
        lathe: 'src/cli/main.ts',
        'bench-process': 'src/cli/bench-process.ts',
        'engine-process': 'src/cli/engine-process.ts',
        'task-worker': 'src/cli/task-worker.ts',
      },
      output: {
        entryFileNames: '[name].mjs',
        chunkFileNames: '[name]-[hash].mjs',
        // What every command that opens a model loads anyway: two files instead of thirty, which saves Node 10 ms.
        advancedChunks: {
          groups: [
            { name: 'specs', test: /src\/(techniques\/([^/]*\/spec|catalog|presets)|core\/(options|errors|recipe))/ },
            { name: 'core', test: /src\/core\/(model|numeric|onnx|pass|report|tasks)\// },
          ],
        },
      },
    },
  },
})
