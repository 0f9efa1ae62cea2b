/** The app's mark: demand rising over a shelf. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#12806f" />
      <path d="M5 22C11 22 12 11 18 11S25 16 27 7" fill="none" stroke="#fff" strokeWidth="3" strokeLinecap="round" />
      <path d="M5 27h22" stroke="#9fe3d6" strokeWidth="2.4" strokeLinecap="round" />
    </svg>
  );
}
