/** Enough for numbers that move, little enough for a laptop to stay cool. */
export const REQUESTS_PER_SECOND = 25;
