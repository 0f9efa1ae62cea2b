import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Search } from "./filters";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe("the search box", () => {
  it("asks once, when one has stopped typing", () => {
    vi.useFakeTimers();
    const asked = vi.fn();
    render(<Search label="Find items" value="" onChange={asked} />);
    const box = screen.getByRole("searchbox");
    fireEvent.change(box, { target: { value: "mi" } });
    fireEvent.change(box, { target: { value: "milk" } });
    expect(asked).not.toHaveBeenCalled();
    vi.advanceTimersByTime(400);
    expect(asked.mock.calls).toEqual([["milk"]]);
  });

  it("follows the address when one goes back", () => {
    const { rerender } = render(<Search label="Find items" value="milk" onChange={() => undefined} />);
    rerender(<Search label="Find items" value="" onChange={() => undefined} />);
    expect((screen.getByRole("searchbox") as HTMLInputElement).value).toBe("");
  });
});
