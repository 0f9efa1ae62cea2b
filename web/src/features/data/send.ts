import { answer, api, type Schemas } from "../../api/client";
import { ApiProblem } from "../../api/problem";
import { accessToken, apiBase } from "../../api/session";
import { hashOf } from "../../lib/sha256";

export type Upload = Schemas["UploadView"];

export interface Sending {
  doing: "Reading" | "Sending" | "Done";
  share: number;
}

/** Send a file in pieces. One sent before in part goes on where it stopped; one that is there already isn't sent again. */
export async function send(
  file: File,
  more: { table?: string; fixes?: string },
  progress: (now: Sending) => void,
): Promise<Upload> {
  const sha256 = await hashOf(file, (share) => progress({ doing: "Reading", share }));
  let upload = await answer(
    api.POST("/v1/uploads", {
      body: { name: file.name, bytes: file.size, sha256, table: more.table ?? "", fixes: more.fixes ?? "" },
    }),
  );
  while (upload.state === "receiving") {
    progress({ doing: "Sending", share: upload.received / file.size });
    upload = await sendPiece(
      upload,
      file.slice(upload.received, upload.received + (upload.piece_bytes ?? 8 * 2 ** 20)),
    );
  }
  progress({ doing: "Done", share: 1 });
  return upload;
}

async function sendPiece(upload: Upload, piece: Blob, tries = 3): Promise<Upload> {
  const token = await accessToken();
  try {
    const response = await fetch(`${apiBase()}/v1/uploads/${upload.upload_id}?offset=${upload.received}`, {
      method: "PATCH",
      headers: { "content-type": "application/octet-stream", ...(token && { authorization: `Bearer ${token}` }) },
      body: piece,
    });
    if (!response.ok) throw await ApiProblem.of(response);
    return (await response.json()) as Upload;
  } catch (error) {
    const gone = !(error instanceof ApiProblem) || error.status >= 500;
    if (!gone || tries <= 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const there = await answer(
      api.GET("/v1/uploads/{upload_id}", { params: { path: { upload_id: upload.upload_id } } }),
    );
    if (there.received !== upload.received) return there;
    return sendPiece(upload, piece, tries - 1);
  }
}
