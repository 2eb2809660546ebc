/** Links of a Hub. */

/** One segment of a link. `refs/pr/1` becomes `refs%2Fpr%2F1`, as the Hub wants it. */
export function encodedSegment(text: string): string {
  return encodeURIComponent(text);
}

const encodedPath = (path: string): string => path.split("/").map(encodedSegment).join("/");

/** Link to the page of a repo. */
export function repoUrl(endpoint: string, repo: string): string {
  return `${endpoint}/${encodedPath(repo)}`;
}

/** Link to the bytes of a file. */
export function resolveUrl(endpoint: string, repo: string, revision: string, path: string): string {
  return `${repoUrl(endpoint, repo)}/resolve/${encodedSegment(revision)}/${encodedPath(path)}`;
}

/** Link to the page of a file. */
export function blobUrl(endpoint: string, repo: string, revision: string, path: string): string {
  return `${repoUrl(endpoint, repo)}/blob/${encodedSegment(revision)}/${encodedPath(path)}`;
}

/** Link to the page of a revision, or of a folder in it. */
export function treeUrl(endpoint: string, repo: string, revision: string, path = ""): string {
  return `${repoUrl(endpoint, repo)}/tree/${encodedSegment(revision)}${path === "" ? "" : `/${encodedPath(path)}`}`;
}
