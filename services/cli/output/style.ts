export interface Style {
  bold: (text: string) => string;
  dim: (text: string) => string;
  red: (text: string) => string;
  green: (text: string) => string;
  yellow: (text: string) => string;
  cyan: (text: string) => string;
}

const plain = (text: string): string => text;
const escape =
  (on: number, off: number) =>
  (text: string): string =>
    `\u001b[${on}m${text}\u001b[${off}m`;

const PLAIN: Style = {
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  cyan: plain,
};
const COLOURED: Style = {
  bold: escape(1, 22),
  dim: escape(2, 22),
  red: escape(31, 39),
  green: escape(32, 39),
  yellow: escape(33, 39),
  cyan: escape(36, 39),
};

/** Colour is for terminals: elsewhere every function gives its text back. */
export function styleFor(coloured: boolean): Style {
  return coloured ? COLOURED : PLAIN;
}

/** The columns that a text takes on a terminal: without its colours. */
export function widthOf(text: string): number {
  return [...stripColour(text)].length;
}

export function stripColour(text: string): string {
  // eslint-disable-next-line no-control-regex -- the escape character is what this looks for
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '');
}

/**
 * Text from elsewhere (a record's path, a message) without what a terminal would obey: control
 * characters are shown, not sent.
 */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) => {
    const code = (char.codePointAt(0) ?? 0).toString(16).padStart(2, '0');
    return `\\x${code}`;
  });
}
