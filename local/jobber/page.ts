/* The frame of every page of the simulator. */

const STYLE = `
  :root { color-scheme: light dark; --ink: #12302b; --paper: #f4f6f3; --card: #fff; --line: #c9d3cd;
    --soft: #51655f; --accent: #1d6b4a; --on-accent: #fff; --note: #fdf0cf; --on-note: #5a4300; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e6efe9; --paper: #101a17; --card: #182622;
    --line: #3b4f48; --soft: #a5b8b0; --accent: #7fd3a8; --on-accent: #08251a; --note: #43360f;
    --on-note: #fbe6ae; } }
  * { box-sizing: border-box; }
  body { margin: 0; padding: 1.5rem 1rem; background: var(--paper); color: var(--ink);
    font: 1rem/1.5 system-ui, sans-serif; }
  main { max-width: 28rem; margin: 0 auto; padding: 1.5rem; background: var(--card);
    border: 1px solid var(--line); border-radius: 0.75rem; overflow-wrap: anywhere; }
  .note { margin: 0 0 1.25rem; padding: 0.5rem 0.75rem; border-radius: 0.5rem;
    background: var(--note); color: var(--on-note); font-size: 0.9rem; }
  h1 { margin: 0 0 0.5rem; font-size: 1.4rem; line-height: 1.25; text-wrap: balance; }
  p { margin: 0 0 1rem; }
  fieldset { margin: 1.25rem 0; padding: 0; border: 0; display: grid; gap: 0.5rem; }
  legend { padding: 0; margin-bottom: 0.5rem; font-weight: 600; }
  label { display: flex; gap: 0.75rem; align-items: center; min-height: 3rem; padding: 0.5rem 0.75rem;
    border: 1px solid var(--line); border-radius: 0.5rem; cursor: pointer; }
  label:has(input:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
  label small { display: block; color: var(--soft); }
  input { flex: none; width: 1.15rem; height: 1.15rem; margin: 0; accent-color: var(--accent); }
  .choice { display: flex; flex-wrap: wrap; gap: 0.75rem; }
  button { flex: 1 1 8rem; min-height: 3rem; padding: 0 1rem; border: 1px solid var(--accent);
    border-radius: 0.5rem; background: none; color: var(--accent); font: inherit; font-weight: 600;
    cursor: pointer; }
  button[value='allow'], button.main { background: var(--accent); color: var(--on-accent); }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
  h2 { margin: 1.5rem 0 0.25rem; font-size: 1.15rem; }
  label.plain { display: block; padding: 0; margin-bottom: 0.75rem; border: 0; }
  select { display: block; width: 100%; min-height: 3rem; margin-top: 0.25rem; padding: 0 0.5rem; font: inherit; }
  .aim { margin: 1rem 0 0; color: var(--soft); font-size: 0.9rem; }`;

export function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${escaped(title)} (simulator)</title>
  <link rel="icon" href="data:,">
  <style>${STYLE}
  </style>
</head>
<body>
  <main>
    <p class="note"><strong>This is a simulator.</strong> Nothing here reaches Jobber.</p>
    ${content}
  </main>
</body>
</html>
`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escaped = (text: string) =>
  text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
