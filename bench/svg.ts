import type { Spread } from './statistics.ts';

/* Charts wide enough for a page and legible on a phone. They bring their own background, light or dark. */

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Drawn as a thin line over the bar's end. */
  readonly spread?: Spread;
  readonly text: string;
  readonly ours: boolean;
}

export interface Bars {
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface Mark {
  readonly value: number;
  readonly label: string;
}

const WIDTH = 480;
const MARGIN = 16;
const LABELS = 158;
const ROW = 26;
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
  .title { font-weight: 600; font-size: 14px } .group, .mark { fill: #59636e }
  .page { fill: #ffffff; stroke: #d1d9e0 } .bar { fill: #8c959f } .ours { fill: #0a7c66 }
  .axis, .spread { stroke: #59636e } .goal { stroke: #b35900; stroke-dasharray: 4 3 }
  .line { stroke: #0a7c66; stroke-width: 2; fill: none } .mark { fill: #b35900 }
  .other { stroke: #b35900; stroke-width: 2; fill: none } .shade { fill: #59636e; fill-opacity: 0.14 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; stroke: #0d1117 } .group { fill: #9198a1 } .page { fill: #0d1117; stroke: #3d444d }
    .bar { fill: #656c76 } .ours { fill: #2ea88c } .axis, .spread { stroke: #9198a1 }
    .goal { stroke: #f0a15e } .mark { fill: #f0a15e } .line { stroke: #2ea88c }
    .other { stroke: #f0a15e } .shade { fill: #9198a1; fill-opacity: 0.2 }
  }`;

/** Horizontal bars in groups, all on one scale. */
export function barChart({
  title,
  groups,
  mark,
}: {
  title: string;
  groups: readonly Bars[];
  mark?: Mark;
}): string {
  const all = groups.flatMap(({ bars }) => bars);
  const most = Math.max(mark?.value ?? 0, ...all.map(({ value, spread }) => spread?.to ?? value));
  // Room for the text behind the longest bar.
  const longestText = Math.max(...all.map(({ text }) => text.length)) * 6.6;
  const scale = (WIDTH - LABELS - 2 * MARGIN - longestText) / most;
  const left = MARGIN + LABELS;
  const shapes: string[] = [];
  let y = 52;
  for (const group of groups) {
    shapes.push(text(MARGIN, y, group.title, 'group'));
    y += 10;
    const rows = group.bars.length * ROW;
    shapes.push(line('axis', left, y, left, y + rows));
    if (mark)
      shapes.push(line('goal', left + mark.value * scale, y, left + mark.value * scale, y + rows));
    for (const { label, value, spread, text: behind, ours } of group.bars) {
      const end = left + Math.max(1, value * scale);
      const middle = y + ROW / 2;
      shapes.push(
        text(MARGIN, middle + 4, label),
        `<rect class="${ours ? 'ours' : 'bar'}" x="${left}" y="${y + 5}" width="${at(end - left)}" height="${ROW - 10}" rx="2"/>`,
        ...(spread
          ? [line('spread', left + spread.from * scale, middle, left + spread.to * scale, middle)]
          : []),
        text(Math.max(end, left + (spread?.to ?? 0) * scale) + 6, middle + 4, behind),
      );
      y += ROW;
    }
    y += 22;
  }
  const bottom = y - 18;
  if (mark) shapes.push(text(left + mark.value * scale, bottom + 12, mark.label, 'mark', 'middle'));
  return page(title, bottom + (mark ? 24 : 12), shapes);
}

/** Panels side by side, each with the same steps along x and a scale of its own from zero. */
export function lineChart({
  title,
  x,
  panels,
}: {
  title: string;
  x: readonly string[];
  panels: readonly {
    readonly title: string;
    readonly values: readonly number[];
    readonly digits: number;
    readonly mark?: Mark;
  }[];
}): string {
  const height = 130;
  const top = 84;
  const width = (WIDTH - 2 * MARGIN) / panels.length;
  const shapes = panels.flatMap(({ title: name, values, digits, mark }, index) => {
    const left = MARGIN + index * width;
    const most = Math.max(mark?.value ?? 0, ...values) * 1.15;
    const points = values.map(
      (value, step) =>
        [
          left + 30 + (step * (width - 70)) / Math.max(1, values.length - 1),
          top + height * (1 - value / most),
        ] as const,
    );
    const goal = mark && top + height * (1 - mark.value / most);
    return [
      text(left, 56, name, 'group'),
      line('axis', left, top + height, left + width - 16, top + height),
      ...(goal === undefined
        ? []
        : [
            line('goal', left, goal, left + width - 16, goal),
            text(left, goal - 6, mark?.label ?? '', 'mark'),
          ]),
      `<polyline class="line" points="${points.map(([px, py]) => `${at(px)},${at(py)}`).join(' ')}"/>`,
      ...points.flatMap(([px, py], step) => [
        `<circle class="ours" cx="${at(px)}" cy="${at(py)}" r="4"/>`,
        text(px, py - 10, (values[step] ?? 0).toFixed(digits), '', 'middle'),
        text(px, top + height + 18, x[step] ?? '', 'group', 'middle'),
      ]),
    ];
  });
  return page(title, top + height + 34, shapes);
}

type LineStyle = 'line' | 'other';

/** Panels below each other, on one axis of hours, each with a scale of its own from zero. */
export function timeChart({
  title,
  legend,
  hours,
  shade,
  panels,
}: {
  title: string;
  /** What each style of line stands for. */
  legend: Readonly<Partial<Record<LineStyle, string>>>;
  hours: number;
  shade?: { readonly from: number; readonly to: number; readonly label: string };
  panels: readonly {
    readonly title: string;
    /** Values at equal steps over all the hours. */
    readonly lines: readonly { readonly style: LineStyle; readonly values: readonly number[] }[];
  }[];
}): string {
  const height = 110;
  const width = WIDTH - 2 * MARGIN;
  const atHour = (hour: number) => MARGIN + (hour / hours) * width;
  const shapes: string[] = [];
  let y = 52;
  let x = MARGIN;
  for (const [style, label] of Object.entries(legend)) {
    shapes.push(line(style, x, y - 4, x + 20, y - 4), text(x + 26, y, label));
    x += 46 + label.length * 7;
    y = 52;
  }
  if (x > MARGIN) y += 24;
  for (const [index, { title: name, lines }] of panels.entries()) {
    const most = Math.max(...lines.flatMap(({ values }) => values));
    const top = y + 10;
    const bottom = top + height;
    if (shade) {
      const left = atHour(shade.from);
      shapes.push(
        `<rect class="shade" x="${at(left)}" y="${at(top)}" width="${at(atHour(shade.to) - left)}" height="${height}"/>`,
      );
      if (index === 0) shapes.push(text(left + 6, top + height / 2, shade.label, 'group'));
    }
    for (const { style, values } of lines) {
      const points = values.map((value, step) => {
        const px = atHour(((step + 0.5) * hours) / values.length);
        return `${at(px)},${at(bottom - (value / (most * 1.1)) * height)}`;
      });
      shapes.push(`<polyline class="${style}" points="${points.join(' ')}"/>`);
    }
    shapes.push(
      text(MARGIN, y, `${name}; at most ${Math.round(most).toLocaleString('en')}`, 'group'),
      line('axis', MARGIN, bottom, MARGIN + width, bottom),
    );
    y = bottom + 26;
  }
  for (let hour = 0; hour <= hours; hour++) {
    const anchor = hour === 0 ? 'start' : hour === hours ? 'end' : 'middle';
    shapes.push(text(atHour(hour), y - 8, hour === 0 ? '0 h' : String(hour), 'group', anchor));
  }
  return page(title, y + 6, shapes);
}

function page(title: string, height: number, shapes: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${at(height)}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${at(height - 1)}" rx="6"/>
${text(MARGIN, 28, title, 'title')}
${shapes.join('\n')}
</svg>
`;
}

const at = (value: number) => Number(value.toFixed(1));

const text = (x: number, y: number, content: string, style = '', anchor = 'start') =>
  `<text x="${at(x)}" y="${at(y)}"${style && ` class="${style}"`}${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${escaped(content)}</text>`;

const line = (style: string, x1: number, y1: number, x2: number, y2: number) =>
  `<line class="${style}" x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}"/>`;

const escaped = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
