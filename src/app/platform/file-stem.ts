// What files that come of a model are called.

/** Its name without `.onnx`, fit for every file system. */
export const fileStem = (name: string | undefined): string =>
  (name ?? 'model').replace(/\.onnx$/i, '').replace(/[^\w.-]+/g, '-')
