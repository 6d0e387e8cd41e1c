export { isValidLabelName, quote, quoteRune, unicodeName, unquote, wellFormed } from '@avalanche/model';
