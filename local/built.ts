/** Whether this runs as the package holds it, and not as sources. */
export const isBuilt = !import.meta.url.endsWith('.ts');
