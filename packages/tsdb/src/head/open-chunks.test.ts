import { expect, test } from 'vitest';
import { OPEN_CHUNK_SIZES, OpenChunks } from './open-chunks.ts';

test('cells never overlap, begin zeroed, keep their bytes when they grow, and go back to the system when empty', () => {
  let state = 3;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const open = new OpenChunks();
  const cells: { sizeClass: number; handle: number; mark: number }[] = [];
  const bytesOf = ({ sizeClass, handle }: (typeof cells)[number]) => {
    const at = open.offset(sizeClass, handle);
    return open.bytes(sizeClass, handle).subarray(at, at + open.sizeOf(sizeClass));
  };
  for (let n = 0; n < 30_000; n++) {
    const choice = random(10);
    if (choice < 5 || cells.length === 0) {
      const cell = {
        sizeClass: OpenChunks.SMALLEST,
        handle: open.allocate(OpenChunks.SMALLEST),
        mark: 1 + random(255),
      };
      expect(bytesOf(cell).every((byte) => byte === 0)).toBe(true);
      bytesOf(cell).fill(cell.mark);
      cells.push(cell);
      continue;
    }
    const i = random(cells.length);
    const cell = cells[i];
    expect(bytesOf(cell)[0]).toBe(cell.mark);
    if (choice < 8 && cell.sizeClass + 1 < OPEN_CHUNK_SIZES.length) {
      const before = open.sizeOf(cell.sizeClass);
      cell.handle = open.enlarge(cell.sizeClass, cell.handle);
      cell.sizeClass++;
      const bytes = bytesOf(cell);
      expect(bytes.subarray(0, before).every((byte) => byte === cell.mark)).toBe(true);
      expect(bytes.subarray(before).every((byte) => byte === 0)).toBe(true);
      bytes.fill(cell.mark);
    } else {
      open.release(cell.sizeClass, cell.handle);
      cells[i] = cells[cells.length - 1];
      cells.pop();
    }
  }
  for (const cell of cells) {
    expect(bytesOf(cell).every((byte) => byte === cell.mark)).toBe(true);
    open.release(cell.sizeClass, cell.handle);
  }
  expect(open.memoryBytes).toBeLessThanOrEqual(OPEN_CHUNK_SIZES.length * 48 * 1024);
});
