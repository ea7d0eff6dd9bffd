import { InvalidArgumentError } from 'commander';

/** A parser of a whole number within bounds, for commander's options. */
export function wholeNumber(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`${option} takes a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}
