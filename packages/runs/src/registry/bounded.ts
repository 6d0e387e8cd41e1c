/** Sets an entry of a map that grows: of more than `max`, the one that was set longest ago goes. */
export function bounded<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value as Key);
}
