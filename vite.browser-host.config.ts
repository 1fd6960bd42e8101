import { defineConfig, mergeConfig } from 'vite'
import page from './vite.config'

// The page that the command line opens in a headless browser: the engines of the built page without its interface. Not part of the product.
export default defineConfig(
  mergeConfig(page, {
    root: 'src/cli/browser-host',
    publicDir: '../../../public',
    build: { outDir: '../../../dist-cli/browser-host', emptyOutDir: true },
  }),
)
