import { describe, expect, test } from 'vitest';
import { watermarkOf } from '../../../services/alerting/watermark.ts';

/** 12:00:00 and seconds after it. */
const at = (seconds: number): number => Date.UTC(2026, 0, 1, 12) + seconds * 1_000;
const worker = (seconds: number, ended = false) => ({ newestMs: at(seconds), ended });
const NOW = at(60);

describe('the watermark', () => {
  test('is the end of the newest step that every worker has passed', () => {
    expect(watermarkOf([worker(41)], NOW)).toBe(at(40));
    expect(watermarkOf([worker(41), worker(33)], NOW)).toBe(at(30));
  });

  test('takes a step as complete with its last window', () => {
    expect(watermarkOf([worker(38)], NOW)).toBe(at(30));
    expect(watermarkOf([worker(40)], NOW)).toBe(at(40));
  });

  test('does not wait for a worker more than 15 s behind', () => {
    expect(watermarkOf([worker(45), worker(30)], NOW)).toBe(at(30));
    expect(watermarkOf([worker(46), worker(30)], NOW)).toBe(at(40));
  });

  test('does not wait for a worker that has ended, and counts what it sent', () => {
    expect(watermarkOf([worker(45), worker(36, true)], NOW)).toBe(at(40));
    expect(watermarkOf([worker(45, true)], NOW)).toBe(at(40));
  });

  test('stands still with the pipeline, however late it is', () => {
    expect(watermarkOf([worker(41)], at(4_000))).toBe(at(40));
  });

  test('is not carried away by a clock that is ahead', () => {
    expect(watermarkOf([worker(3_600), worker(52)], NOW)).toBe(at(50));
  });

  test('is absent without data', () => {
    expect(watermarkOf([], NOW)).toBeUndefined();
  });
});
