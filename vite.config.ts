import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// ONNX Runtime's own conditions keep its .wasm files outside its JavaScript, so that a worker loads exactly one build.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  worker: { format: 'es' },
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'svelte', 'module', 'browser', 'development|production'] },
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  build: { target: 'es2022', assetsInlineLimit: 0 },
})
