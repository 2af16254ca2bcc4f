// What a job that fills or rewrites the gallery is called.

const KINDS = { index: "Indexing", import: "Import", reindex: "Reindexing" };

// "Indexing of /archive/march": what a job is called.
export function nameOf(job) {
  const kind = KINDS[job.kind] ?? job.kind;
  return job.source ? `${kind} of ${job.source}` : kind;
}
