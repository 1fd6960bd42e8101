// The layers of docs/architecture.md: arrows point to what may be imported.

const PURE = 'core|techniques|measure|data|engines|zoo|probe|advisor|sensitivity'
const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to })

module.exports = {
  forbidden: [
    rule(
      'no-cycles',
      'Two modules that need each other are one module.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    rule(
      'core-stands-alone',
      'core imports nothing of ours outside itself.',
      { path: '^src/core/', pathNot: '\\.test\\.ts$' },
      { path: '^(src/(?!core/)|workers/|tests/)' },
    ),
    rule(
      'core-packages',
      'core takes one package from outside.',
      { path: '^src/core/', pathNot: '\\.test\\.ts$' },
      { dependencyTypes: ['npm', 'core'], pathNot: 'node_modules/valibot' },
    ),
    rule(
      'techniques-are-islands',
      'A technique imports core and its own folder, never a sibling.',
      { path: '^src/techniques/([^/]+)/', pathNot: '\\.test\\.ts$' },
      { path: '^src/', pathNot: '^src/(core/|techniques/$1/)' },
    ),
    rule(
      'pure-stays-pure',
      'The pure folders know nothing of page, workers and terminal.',
      { path: `^src/(${PURE})/`, pathNot: '\\.test\\.ts$' },
      { path: '^(src/(app|ui|cli)/|workers/|tests/)' },
    ),
    rule(
      'ui-through-app',
      'Components read state; they reach workers and passes only through src/app.',
      { path: '^src/ui/' },
      { path: '^(workers/|src/techniques/(passes|[^/]+/apply)|src/cli/)' },
    ),
    rule(
      'passes-stay-in-workers',
      'Pass code never reaches the page.',
      { path: '^src/(app|ui|main)', pathNot: '\\.test\\.ts$' },
      { path: '^src/techniques/(passes\\.ts|[^/]+/apply\\.ts)' },
    ),
    rule(
      'one-door-per-runtime',
      'Runtimes are imported in their door only.',
      { path: '^(src|workers)/', pathNot: '(^workers/host/ort-|\\.test\\.ts$)' },
      { path: 'node_modules/onnxruntime-web' },
    ),
    rule(
      'comlink-at-the-seam',
      'comlink belongs to the worker seam.',
      { path: '^src/', pathNot: '^src/app/jobs/' },
      { path: 'node_modules/comlink' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '(^dist|\\?url$|\\?worker$)' },
  },
}
