"""One step of TRL's GRPOTrainer paid by bopask's reward: a random model of a few thousand weights, text alone, no GPU.

    bopask export OUT --to trl --out CHATS --tasks spatial,depth
    python bench/grpo_step.py CHATS

Needs `pip install trl`, which bopask does not. The model may say Yes, No, both or nothing, so that rewards differ.
Prints what the trainer passed, the replies, the rewards and how far the weights moved; exits with 1 where they did not.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import trl
from datasets import load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from bopask.bench import rewards

CHAT = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chats", type=Path)
    data = load_dataset("json", data_files=str(parser.parse_args().chats / "train.jsonl"), split="train")
    data = data.select(range(8)).map(textual, remove_columns=["images", "completion"])
    tokenizer = tokenizer_of([message["content"] for row in data for message in row["prompt"]])
    said = tokenizer.convert_tokens_to_ids(["<eos>", "Yes", "No"])
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    set_seed(0)
    model = LlamaForCausalLM(config)
    ours, seen = rewards.trl(), list[dict[str, Any]]()

    def watched(prompts: Any, completions: Any, **columns: Any) -> list[float]:
        values = ours(prompts, completions, **columns)
        replies = [completion[0]["content"] for completion in completions]
        seen.append({"columns": sorted(columns), "replies": replies, "rewards": values})
        return values

    before = model.lm_head.weight.detach().clone()
    with tempfile.TemporaryDirectory() as folder:
        settings = trl.GRPOConfig(
            folder, per_device_train_batch_size=8, num_generations=8, max_completion_length=2, max_steps=1,
            learning_rate=1e-2, report_to=[], use_cpu=True, save_strategy="no",
            generation_kwargs={"suppress_tokens": [i for i in range(len(tokenizer)) if i not in said]},
        )  # fmt: skip
        trainer = trl.GRPOTrainer(model, [watched, ours], settings, train_dataset=data, processing_class=tokenizer)
        trainer.train()
    moved = float((model.lm_head.weight - before).abs().max())
    print(f"TRL {trl.__version__}", *seen, f"weights moved by at most {moved:.3g}", sep="\n")
    return int(moved == 0)


def textual(row: dict[str, Any]) -> dict[str, Any]:
    """The prompt without its picture."""
    said = [{"role": m["role"], "content": "".join(p["text"] or "" for p in m["content"])} for m in row["prompt"]]
    return {"prompt": said}


def tokenizer_of(texts: list[str]) -> PreTrainedTokenizerFast:
    """Bytes and a few pairs of them, and Yes and No as tokens of their own."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<eos>"]
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<eos>")
    tokenizer.add_tokens(["Yes", "No"])
    tokenizer.chat_template = CHAT
    return tokenizer


if __name__ == "__main__":
    raise SystemExit(main())
