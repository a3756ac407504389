/** Whether the tests run as root; what needs it is asserted to be refused otherwise. */
export const isRoot = process.getuid?.() === 0;
