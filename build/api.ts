import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// TypeScript 7 has no API to read types with.
import ts from 'typescript-5';

/*
 * `npm run api`: docs/api.md, from the types and docstrings of what the package exports. It reads `dist`, which `npm run build`
 * makes.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const API_PAGE = join(root, 'docs/api.md');
const OURS = join(root, 'dist/esm/');

interface Entry {
  /** As in an import. */
  readonly name: string;
  readonly types: string;
}

const HEAD = `# API reference

For developers who write code against the package. \`npm run api\` makes this page from the docstrings, so change those. How to use
the parts together: [client.md](client.md) for the client and the claims, [deploying.md](deploying.md#in-a-cdk-app-of-your-own) for the construct.
`;

/** The page, made anew. */
export function apiReference(): string {
  const entries = entriesOf(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  const program = programOf(entries.map(({ types }) => types));
  const checker = program.getTypeChecker();
  const all = entries.map(({ name, types }) => ({
    name,
    exported: exportsOf(types, program, checker),
  }));
  const everywhere = all.flatMap(({ exported }) => exported);
  const sections = all.map(({ name, exported }) => section(name, exported, everywhere, checker));
  return [HEAD, ...sections].join('\n');
}

/** Of our files alone: the page shows types of other packages by their names, and these are large. */
function programOf(rootNames: string[]): ts.Program {
  const options = { noLib: true, types: [], strict: true } satisfies ts.CompilerOptions;
  const host = ts.createCompilerHost(options);
  host.resolveModuleNameLiterals = (modules, from) =>
    modules.map(({ text }) => {
      // The types of a file are beside it, whether an import names it as TypeScript or as JavaScript.
      const types = join(from, '..', text).replace(/\.[jt]s$/, '.d.ts');
      const resolvedModule = { resolvedFileName: types, extension: ts.Extension.Dts };
      return { resolvedModule: text.startsWith('.') ? resolvedModule : undefined };
    });
  return ts.createProgram({ rootNames, options, host });
}

function entriesOf({ name, exports }: { name: string; exports: object }): Entry[] {
  return Object.entries(exports).flatMap(([path, { import: target }]) =>
    target ? [{ name: join(name, path), types: join(root, target.types) }] : [],
  );
}

function exportsOf(types: string, program: ts.Program, checker: ts.TypeChecker): ts.Symbol[] {
  const file = program.getSourceFile(types);
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) throw new Error(`${types} is missing. Run npm run build.`);
  const symbols = checker.getExportsOfModule(module).map((symbol) => target(symbol, checker));
  return symbols.sort(byKindAndName);
}

/** @param everywhere what any entry exports */
function section(
  name: string,
  exported: ts.Symbol[],
  everywhere: ts.Symbol[],
  checker: ts.TypeChecker,
): string {
  // Grows while it is described: what the described types name is described as well.
  const all = new Set(exported);
  const { describe } = descriptions(checker, (symbol) => {
    if (!everywhere.includes(symbol)) all.add(symbol);
  });
  const described: string[] = [];
  for (const symbol of all) described.push(describe(symbol, exported.includes(symbol)));
  return [`## ${name}\n`, ...described].join('\n');
}

const target = (symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

const KINDS = [
  ts.SymbolFlags.Function | ts.SymbolFlags.Variable,
  ts.SymbolFlags.Class,
  ts.SymbolFlags.Type,
];

const kindOf = ({ flags }: ts.Symbol): number => KINDS.findIndex((kind) => flags & kind);

const byKindAndName = (a: ts.Symbol, b: ts.Symbol): number =>
  kindOf(a) - kindOf(b) || (a.name < b.name ? -1 : 1);

/** @param onNamed called with each type of ours that a description names */
function descriptions(checker: ts.TypeChecker, onNamed: (symbol: ts.Symbol) => void) {
  return { describe };

  function describe(symbol: ts.Symbol, isExported: boolean): string {
    const [declaration] = symbol.declarations ?? [];
    if (!declaration) throw new Error(`${symbol.name} has no declaration.`);
    const isListed = ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration);
    const members = isListed ? declaration.members.filter(isPublic) : [];
    const code = isListed ? headOf(declaration) : signatureOf(declaration);
    return [
      `### ${symbol.name}`,
      `\`\`\`ts\n${code}\n\`\`\``,
      ...(isExported ? [] : ['A type that is named above. The package does not export it.']),
      ...proseOf(symbol),
      members
        .filter((member) => isExported || !ts.isConstructorDeclaration(member))
        .filter((member) => !isOfAllErrors(member))
        .map(lineOf)
        .join('\n'),
    ]
      .filter(Boolean)
      .map((block) => `${block}\n`)
      .join('\n');
  }

  /** A class or an interface without its members. */
  function headOf(declaration: ts.ClassDeclaration | ts.InterfaceDeclaration): string {
    declaration.heritageClauses?.forEach(findNamed);
    return codeOf(declaration).split(' {', 1)[0] ?? '';
  }

  function signatureOf(declaration: ts.Declaration): string {
    // A union of texts is shown as its texts, whatever it is derived from.
    const type = checker.getTypeAtLocation(declaration);
    if (ts.isTypeAliasDeclaration(declaration) && type.isUnion() && type.types.every(isText)) {
      return unionOf(
        declaration,
        type.types.map(({ value }) => `'${value}'`),
      );
    }
    findNamed(declaration);
    return ts.isVariableDeclaration(declaration)
      ? `const ${codeOf(declaration)}`
      : inLines(declaration);
  }

  function lineOf(member: ts.ClassElement | ts.TypeElement): string {
    findNamed(member);
    const code = codeOf(member)
      .replace(/^((readonly|abstract) )+/, '')
      .replace(/ = "(\w+)"$/, ": '$1'")
      .replace(/ = (true|false)$/, ': $1');
    const symbol = member.name && checker.getSymbolAtLocation(member.name);
    const prose = symbol ? proseOf(symbol).map((each) => each.replaceAll('\n', '\n  ')) : [];
    return [`- \`${code}\``, ...prose].join('\\\n  ');
  }

  function proseOf(symbol: ts.Symbol): string[] {
    const tags = symbol.getJsDocTags().map(({ name, text = [] }) => {
      const said = flat(text).replace(/^- /, '');
      return name === 'param' ? `\`${said.replace(' ', '`: ')}` : `${TAGS[name] ?? name}: ${said}`;
    });
    return [flat(symbol.getDocumentationComment(checker)), ...tags].filter(Boolean);
  }

  function findNamed(node: ts.Node): void {
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const name = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
      const symbol = checker.getSymbolAtLocation(name);
      if (symbol && isOurs(target(symbol, checker))) onNamed(target(symbol, checker));
    }
    node.forEachChild(findNamed);
  }
}

const TAGS: Readonly<Record<string, string>> = {
  default: 'Default',
  returns: 'Returns',
  throws: 'Throws',
};

const isText = (type: ts.Type): type is ts.StringLiteralType => type.isStringLiteral();

const isOurs = ({ flags, declarations = [] }: ts.Symbol): boolean =>
  !(flags & ts.SymbolFlags.TypeParameter) &&
  declarations.some((each) => each.getSourceFile().fileName.startsWith(OURS));

const isPublic = (member: ts.Declaration): boolean =>
  !(ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private);

/** The package alone makes its errors, and each is named as its class is. */
function isOfAllErrors(member: ts.ClassElement | ts.TypeElement): boolean {
  const { parent } = member;
  const base = ts.isClassDeclaration(parent) && parent.heritageClauses?.[0]?.types[0]?.getText();
  const isName = member.name?.getText() === 'name';
  return Boolean(base && /Error$/.test(base) && (isName || ts.isConstructorDeclaration(member)));
}

const MOST_IN_A_LINE = 100;

/** A long function with a line for each parameter, a long union with a line for each part. */
function inLines(declaration: ts.Declaration): string {
  const code = codeOf(declaration);
  if (code.length <= MOST_IN_A_LINE) return code;
  if (ts.isTypeAliasDeclaration(declaration) && ts.isUnionTypeNode(declaration.type)) {
    return unionOf(declaration, declaration.type.types.map(codeOf));
  }
  if (!ts.isFunctionDeclaration(declaration)) return code;
  const parameters = declaration.parameters.map(codeOf);
  const [head, tail] = code.split(parameters.join(', '));
  return `${head}\n  ${parameters.join(',\n  ')}\n${tail}`;
}

const unionOf = ({ name, typeParameters }: ts.TypeAliasDeclaration, parts: string[]): string => {
  const of = typeParameters ? `<${typeParameters.map(codeOf).join(', ')}>` : '';
  return `type ${name.text}${of} =${parts.map((part) => `\n  | ${part}`).join('')}`;
};

const codeOf = (node: ts.Node): string =>
  node
    .getText()
    .replace(/\s+/g, ' ')
    .replace(/^(export )?(declare )?/, '')
    .replace(/;$/, '');

/** As one line, and one for each point of a list: the page has no use for the other line breaks of the code. */
const flat = (parts: readonly ts.SymbolDisplayPart[]): string =>
  ts
    .displayPartsToString([...parts])
    .replace(/\{@link ([\w.]+)\}/g, '`$1`')
    .split(/\s*\n\s*(?=- )/)
    .map((point) => point.replace(/\s+/g, ' ').trim())
    .join('\n');

if (import.meta.main) writeFileSync(API_PAGE, apiReference());
