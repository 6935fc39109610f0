/** A mistake of the user's, or of the machine's, that one line explains. */
export class OneClearLine extends Error {
  override readonly name = 'OneClearLine';
}
