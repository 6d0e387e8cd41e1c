/** What ends the program at once, as kingpin's Fatalf does: unlike other errors, no empty line follows it. */
export class Fatal extends Error {
  override readonly name = 'Fatal';
}
